//! Language: Swedish. The texts are in `texts.ftl`.
#![warn(missing_docs)]

sdk::export_catalogue!({
    name: "lang-sv",
    tag: "sv",
    summary: "Swedish texts of the station",
    texts: include_str!("../texts.ftl"),
});
