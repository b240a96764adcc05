//! Language: Dutch. The texts are in `texts.ftl`.
#![warn(missing_docs)]

sdk::export_catalogue!({
    name: "lang-nl",
    tag: "nl",
    summary: "Dutch texts of the station",
    texts: include_str!("../texts.ftl"),
});
