//! Language: Spanish. The texts are in `texts.ftl`.
#![warn(missing_docs)]

sdk::export_catalogue!({
    name: "lang-es",
    tag: "es",
    summary: "Spanish texts of the station",
    texts: include_str!("../texts.ftl"),
});
