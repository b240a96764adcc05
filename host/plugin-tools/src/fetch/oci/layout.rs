//! The manifest and configuration of a component in a registry.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::fetch::digest::Digest;
use crate::fetch::limits::{MAX_COMPONENT_BYTES, MAX_DOCUMENT_BYTES, MAX_SIGNATURE_BYTES};

/// Media type of a manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of a list of manifests, which is asked for only to say that it is none.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Media type of the configuration.
pub const CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// Media type of the layer.
pub const LAYER: &str = "application/wasm";
/// Annotation of the manifest: the signature file in Base64, because annotations have no line feeds.
pub const SIGNATURE: &str = "pilotwire.signature";
/// Annotation of the layer that other tools name the file after.
const TITLE: &str = "org.opencontainers.image.title";
/// Time of making: always the same, so that the same component has the same digest.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// What a manifest says of a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Media type.
    pub media_type: String,
    /// Digest.
    pub digest: String,
    /// Bytes.
    pub size: u64,
    /// Annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    fn of(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: Digest::of(bytes).to_string(),
            size: bytes.len() as u64,
            annotations: BTreeMap::new(),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u32,
    #[serde(default)]
    media_type: String,
    config: Descriptor,
    layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    created: String,
    architecture: String,
    os: String,
    layer_digests: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    component: Option<Interfaces>,
}

/// Names of the interfaces of a component.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interfaces {
    /// What it gives.
    pub exports: Vec<String>,
    /// What it wants.
    pub imports: Vec<String>,
}

/// What a manifest says, checked.
#[derive(Debug, PartialEq, Eq)]
pub struct Artefact {
    /// The component.
    pub layer: Descriptor,
    /// Its digest.
    pub layer_digest: Digest,
    /// The configuration.
    pub config: Descriptor,
    /// Its digest.
    pub config_digest: Digest,
    /// The signature file.
    pub signature: Option<Vec<u8>>,
}

impl Artefact {
    /// Reads a manifest.
    ///
    /// # Errors
    /// It is not the manifest of one component.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let value: serde_json::Value =
            serde_json::from_slice(bytes).context("the manifest is not JSON")?;
        if value.get("manifests").is_some() {
            bail!("the digest is of a list of manifests; pin the one of the component");
        }
        let manifest: Manifest = serde_json::from_value(value)
            .context("this is no manifest of an OCI artefact; push the component again")?;
        let config = manifest.config;
        if config.media_type != CONFIG {
            bail!(
                "this is no WebAssembly artefact: its configuration is {:?} instead of {CONFIG}; check the source",
                config.media_type
            );
        }
        let [layer] = <[Descriptor; 1]>::try_from(manifest.layers).map_err(|layers| {
            anyhow::anyhow!(
                "a component is one layer, and this artefact has {}; ask the publisher for one with one",
                layers.len()
            )
        })?;
        if layer.media_type != LAYER {
            bail!(
                "this is no WebAssembly artefact: its layer is {:?} instead of {LAYER}; check the source",
                layer.media_type
            );
        }
        if layer.size > MAX_COMPONENT_BYTES {
            bail!(
                "the component is larger than {} MiB, which is the most that a station takes",
                MAX_COMPONENT_BYTES >> 20
            );
        }
        if config.size > MAX_DOCUMENT_BYTES {
            bail!(
                "the configuration is larger than {MAX_DOCUMENT_BYTES} bytes; push the component again"
            );
        }
        let text = manifest.annotations.get(SIGNATURE);
        Ok(Self {
            layer_digest: Digest::parse(&layer.digest)?,
            config_digest: Digest::parse(&config.digest)?,
            layer,
            config,
            signature: text.map(|text| signature(text)).transpose()?,
        })
    }

    /// Checks the configuration that belongs to this manifest.
    ///
    /// # Errors
    /// It is of another component.
    pub fn check_config(&self, bytes: &[u8]) -> Result<()> {
        let config: Config = serde_json::from_slice(bytes)
            .context("the configuration of the artefact is not as the layout wants it")?;
        if config.architecture != "wasm" {
            bail!(
                "the artefact is for {:?} and not for wasm; check the source",
                config.architecture
            );
        }
        if config.layer_digests != [self.layer.digest.as_str()] {
            bail!(
                "the configuration of the artefact is of another component; ask the publisher to push it again"
            );
        }
        Ok(())
    }
}

fn signature(text: &str) -> Result<Vec<u8>> {
    // Four letters for three bytes.
    if text.len() as u64 > MAX_SIGNATURE_BYTES.div_ceil(3) * 4 {
        bail!(
            "the signature in the annotation {SIGNATURE} is larger than {MAX_SIGNATURE_BYTES} bytes"
        );
    }
    STANDARD
        .decode(text)
        .with_context(|| format!("the annotation {SIGNATURE} is not a signature file in Base64"))
}

/// Configuration and manifest of a component.
///
/// # Errors
/// None that can happen: JSON of plain data.
pub fn write(
    name: &str,
    component: &[u8],
    interfaces: Interfaces,
    signature: Option<&[u8]>,
) -> Result<(Vec<u8>, Vec<u8>)> {
    let mut layer = Descriptor::of(LAYER, component);
    let config = serde_json::to_vec(&Config {
        created: CREATED.to_owned(),
        architecture: "wasm".to_owned(),
        // What the layout calls every component, with WASI or without.
        os: "wasip2".to_owned(),
        layer_digests: vec![layer.digest.clone()],
        component: Some(interfaces),
    })?;
    layer
        .annotations
        .insert(TITLE.to_owned(), format!("{name}.wasm"));
    let signature = signature.map(|bytes| (SIGNATURE.to_owned(), STANDARD.encode(bytes)));
    let manifest = serde_json::to_vec(&Manifest {
        schema_version: 2,
        media_type: MANIFEST.to_owned(),
        config: Descriptor::of(CONFIG, &config),
        layers: vec![layer],
        annotations: signature.into_iter().collect(),
    })?;
    Ok((config, manifest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(change: impl FnOnce(&mut serde_json::Value)) -> String {
        let (_, manifest) = write("a", b"component", Interfaces::default(), None).unwrap();
        let mut value = serde_json::from_slice(&manifest).unwrap();
        change(&mut value);
        let error = Artefact::parse(&serde_json::to_vec(&value).unwrap()).unwrap_err();
        format!("{error:#}")
    }

    #[test]
    fn manifest_carries_component_configuration_and_signature() {
        let interfaces = Interfaces::default();
        let (config, manifest) = write("a", b"component", interfaces, Some(b"signed\n")).unwrap();
        let artefact = Artefact::parse(&manifest).unwrap();
        assert_eq!(artefact.layer_digest, Digest::of(b"component"));
        assert_eq!(artefact.config_digest, Digest::of(&config));
        assert_eq!(artefact.signature.as_deref(), Some(&b"signed\n"[..]));
        artefact.check_config(&config).unwrap();
        assert!(!manifest.contains(&b'\n'));
    }

    #[test]
    fn configuration_of_another_component_is_refused() {
        let (_, manifest) = write("a", b"component", Interfaces::default(), None).unwrap();
        let (config, _) = write("a", b"another", Interfaces::default(), None).unwrap();
        let artefact = Artefact::parse(&manifest).unwrap();
        let error = artefact.check_config(&config).unwrap_err().to_string();
        assert!(error.contains("of another component"), "{error}");
        let text = String::from_utf8(config).unwrap();
        let arm = text.replace("\"wasm\"", "\"arm64\"");
        let error = artefact
            .check_config(arm.as_bytes())
            .unwrap_err()
            .to_string();
        assert!(error.contains("and not for wasm"), "{error}");
    }

    #[test]
    fn manifest_of_something_else_is_refused() {
        let image = "application/vnd.oci.image.config.v1+json";
        let error = changed(|value| value["config"]["mediaType"] = image.into());
        assert!(
            error.contains("no WebAssembly artefact: its configuration"),
            "{error}"
        );
        let error = changed(|value| value["layers"][0]["mediaType"] = "application/tar".into());
        assert!(
            error.contains("no WebAssembly artefact: its layer"),
            "{error}"
        );
        let error = changed(|value| value["layers"] = serde_json::json!([]));
        assert!(error.contains("this artefact has 0"), "{error}");
        let error = changed(|value| value["layers"][0]["size"] = (33 << 20).into());
        assert!(error.contains("larger than 32 MiB"), "{error}");
        let error = changed(|value| value["layers"][0]["digest"] = "sha512:12".into());
        assert!(error.contains("use the sha256 one"), "{error}");
        let error = changed(|value| value["manifests"] = serde_json::json!([]));
        assert!(error.contains("list of manifests"), "{error}");
        let error = changed(|value| value["annotations"] = serde_json::json!({ SIGNATURE: "*" }));
        assert!(
            error.contains("is not a signature file in Base64"),
            "{error}"
        );
        let long = "A".repeat(3_000);
        let error = changed(|value| value["annotations"] = serde_json::json!({ SIGNATURE: long }));
        assert!(error.contains("larger than 2048 bytes"), "{error}");
    }
}
