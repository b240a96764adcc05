//! Language: English. The texts are in `texts.ftl`.
#![warn(missing_docs)]

sdk::export_catalogue!({
    name: "lang-en",
    tag: "en",
    summary: "English texts of the station",
    texts: include_str!("../texts.ftl"),
});
