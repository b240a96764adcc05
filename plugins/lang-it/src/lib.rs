//! Language: Italian. The texts are in `texts.ftl`.
#![warn(missing_docs)]

sdk::export_catalogue!({
    name: "lang-it",
    tag: "it",
    summary: "Italian texts of the station",
    texts: include_str!("../texts.ftl"),
});
