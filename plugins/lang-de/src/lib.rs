//! Language: German. The texts are in `texts.ftl`.
#![warn(missing_docs)]

sdk::export_catalogue!({
    name: "lang-de",
    tag: "de",
    summary: "German texts of the station",
    texts: include_str!("../texts.ftl"),
});
