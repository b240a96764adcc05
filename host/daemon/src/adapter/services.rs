//! What an adapter asks for beside its link: files are the station's business, certificates are done here.

use std::collections::VecDeque;

use plugin_host::{BackendInput, CertificateCommand, FileCommand};
use station::{Outcome, RequestId};

use super::Adapter;
use crate::certificates::{Anchor, CertificateUse, ChainInstalled, Deleted, Installed};
use crate::files::diagnostics::rfc3339;
use crate::messages::{FileRequest, ToStation};

impl Adapter {
    // ---- files ----

    pub(super) fn file(&self, request: RequestId, command: FileCommand) {
        self.tell(ToStation::File(Box::new(FileRequest {
            adapter: self.setup.ready.policy.name.clone(),
            request,
            command,
            grants: self.setup.ready.policy.grants.clone(),
        })));
    }

    // ---- certificates ----

    pub(super) fn certificate(
        &mut self,
        request: RequestId,
        command: CertificateCommand,
        more: &mut VecDeque<BackendInput>,
    ) {
        let store = self.setup.seed.certificates.clone();
        let now = self.setup.seed.wall.moment().wall;
        let mut answer = None;
        let (outcome, detail) = match command {
            CertificateCommand::List(kind) => {
                let hashes = store.list(use_of(kind));
                answer = Some(BackendInput::Certificates(request, hashes));
                (Outcome::Accepted, String::new())
            }
            CertificateCommand::Install(kind, pem) => {
                match store.install(use_of(kind), &pem, now) {
                    Installed::Accepted => (Outcome::Accepted, String::new()),
                    Installed::Rejected(reason) => (Outcome::Rejected, reason),
                    Installed::Failed(reason) => (Outcome::Failed, reason),
                }
            }
            CertificateCommand::Delete(hash) => match store.delete(&hash, self.tls) {
                Deleted::Accepted => (Outcome::Accepted, String::new()),
                Deleted::NotFound => (Outcome::Unknown, "no such certificate".to_owned()),
                Deleted::Failed(reason) => (Outcome::Failed, reason),
            },
            CertificateCommand::CreateCsr {
                common_name,
                organization,
            } => match store.create_csr(&common_name, &organization) {
                Ok(pem) => {
                    answer = Some(BackendInput::Csr(request, pem));
                    (Outcome::Accepted, String::new())
                }
                Err(reason) => (Outcome::Failed, reason),
            },
            CertificateCommand::InstallChain(pem) => match store.install_chain(&pem, now) {
                ChainInstalled::Accepted(anchor) => (Outcome::Accepted, anchored(anchor)),
                ChainInstalled::AcceptedForLater(anchor, from) => {
                    let from = rfc3339(from);
                    (
                        Outcome::Accepted,
                        format!("in use from {from} on, {}", anchored(anchor)),
                    )
                }
                ChainInstalled::Rejected(reason) => (Outcome::Rejected, reason),
                ChainInstalled::Failed(reason) => (Outcome::Failed, reason),
            },
        };
        if outcome != Outcome::Accepted {
            let plugin = &self.setup.ready.policy.name;
            tracing::warn!(plugin, "certificates: {detail}");
        }
        // Connections that were made with other certificates must not be used again.
        self.http.certificates_changed();
        more.push_back(BackendInput::Outcome {
            request,
            outcome,
            detail,
        });
        more.extend(answer);
    }
}

fn anchored(anchor: Anchor) -> String {
    match anchor {
        Anchor::CentralSystemRoot => "issued below a central-system root",
        Anchor::ManufacturerRoot => "issued below a manufacturer root",
        Anchor::Unverified => "not verified: no central-system root is installed",
    }
    .to_owned()
}

const fn use_of(kind: plugin_host::CertificateUse) -> CertificateUse {
    match kind {
        plugin_host::CertificateUse::CentralSystemRoot => CertificateUse::CentralSystemRoot,
        plugin_host::CertificateUse::ManufacturerRoot => CertificateUse::ManufacturerRoot,
    }
}
