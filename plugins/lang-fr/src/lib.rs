//! Language: French. The texts are in `texts.ftl`.
#![warn(missing_docs)]

sdk::export_catalogue!({
    name: "lang-fr",
    tag: "fr",
    summary: "French texts of the station",
    texts: include_str!("../texts.ftl"),
});
