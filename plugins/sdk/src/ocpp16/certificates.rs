//! Certificates of the security whitepaper: roots, and the station's own.
//!
//! The station keeps them and their keys; what is here says which message asks for what, and what its answer is.

use ocpp::rpc::MessageId;
use ocpp::v16::{
    CertificateHashData, CertificateSignedRequest, CertificateSignedResponse, CertificateUse,
    CiString, DeleteCertificateRequest as DeleteMessage, DeleteCertificateResponse,
    DeleteCertificateStatus, GenericStatus, GetInstalledCertificateIdsRequest,
    GetInstalledCertificateIdsResponse, GetInstalledCertificateStatus, HashAlgorithm,
    InstallCertificateRequest as InstallMessage, InstallCertificateResponse,
    InstallCertificateStatus, Response, SignCertificateRequest,
};

use super::{About, Ocpp16, Operator, Waiting};
use crate::backend::{
    self, CertificateHash, CertificatesRequest, Command, CsrRequest, DeleteCertificateRequest,
    InstallCertificateRequest, InstallChainRequest, Outcome, OutcomeKind,
};
use crate::{Level, log};

const fn use_of(certificate: CertificateUse) -> backend::CertificateUse {
    match certificate {
        CertificateUse::CentralSystemRootCertificate => backend::CertificateUse::CentralSystemRoot,
        CertificateUse::ManufacturerRootCertificate => backend::CertificateUse::ManufacturerRoot,
    }
}

const fn algorithm(wire: HashAlgorithm) -> backend::HashAlgorithm {
    match wire {
        HashAlgorithm::Sha256 => backend::HashAlgorithm::Sha256,
        HashAlgorithm::Sha384 => backend::HashAlgorithm::Sha384,
        HashAlgorithm::Sha512 => backend::HashAlgorithm::Sha512,
    }
}

fn on_the_wire(hash: &CertificateHash) -> CertificateHashData {
    CertificateHashData {
        hash_algorithm: match hash.algorithm {
            backend::HashAlgorithm::Sha256 => HashAlgorithm::Sha256,
            backend::HashAlgorithm::Sha384 => HashAlgorithm::Sha384,
            backend::HashAlgorithm::Sha512 => HashAlgorithm::Sha512,
        },
        issuer_name_hash: CiString::truncated(&hash.issuer_name_hash),
        issuer_key_hash: CiString::truncated(&hash.issuer_key_hash),
        serial_number: CiString::truncated(&hash.serial_number),
    }
}

impl<O: Operator> Ocpp16<O> {
    // ---- roots ----

    pub(super) fn install_certificate(&mut self, id: &MessageId, request: &InstallMessage) {
        if !self.may_command() {
            let status = InstallCertificateStatus::Rejected;
            return self.answer(id, &Response::from(InstallCertificateResponse { status }));
        }
        self.ask_station(Waiting::InstallCertificate(id.clone()), |request_id| {
            Command::InstallCertificate(InstallCertificateRequest {
                request_id,
                kind: use_of(request.certificate_type),
                pem: request.certificate.as_str().to_owned(),
            })
        });
    }

    pub(super) fn delete_certificate(&mut self, id: &MessageId, request: &DeleteMessage) {
        if !self.may_command() {
            let status = DeleteCertificateStatus::Failed;
            return self.answer(id, &Response::from(DeleteCertificateResponse { status }));
        }
        let hash = &request.certificate_hash_data;
        self.ask_station(Waiting::DeleteCertificate(id.clone()), |request_id| {
            Command::DeleteCertificate(DeleteCertificateRequest {
                request_id,
                certificate: CertificateHash {
                    algorithm: algorithm(hash.hash_algorithm),
                    issuer_name_hash: hash.issuer_name_hash.as_str().to_owned(),
                    issuer_key_hash: hash.issuer_key_hash.as_str().to_owned(),
                    serial_number: hash.serial_number.as_str().to_owned(),
                },
            })
        });
    }

    pub(super) fn certificate_ids(
        &mut self,
        id: &MessageId,
        request: &GetInstalledCertificateIdsRequest,
    ) {
        if !self.may_command() {
            return self.answer_certificate_ids(id, &[]);
        }
        self.ask_station(Waiting::CertificateIds(id.clone()), |request_id| {
            Command::ListCertificates(CertificatesRequest {
                request_id,
                kind: use_of(request.certificate_type),
            })
        });
    }

    fn answer_certificate_ids(&mut self, id: &MessageId, hashes: &[CertificateHash]) {
        let answer = GetInstalledCertificateIdsResponse {
            status: if hashes.is_empty() {
                GetInstalledCertificateStatus::NotFound
            } else {
                GetInstalledCertificateStatus::Accepted
            },
            certificate_hash_data: (!hashes.is_empty())
                .then(|| hashes.iter().map(on_the_wire).collect()),
        };
        self.answer(id, &Response::from(answer));
    }

    /// The list that the station promised.
    pub(super) fn on_certificates(&mut self, request: u64, hashes: &[CertificateHash]) {
        match self.waiting.remove(&request) {
            Some((Waiting::CertificateIds(id), _)) => self.answer_certificate_ids(&id, hashes),
            Some((Waiting::Profile(id, profile), _)) => {
                self.raise_profile(&id, profile, !hashes.is_empty());
            }
            Some(other) => drop(self.waiting.insert(request, other)),
            None => {}
        }
    }

    // ---- the station's own ----

    /// Begins a new certificate: the station makes a key and a signing request.
    pub(super) fn request_certificate(&mut self) {
        let serial = &self.station.serial;
        let common_name = if serial.is_empty() {
            self.settings.identity.clone()
        } else {
            serial.clone()
        };
        let operator = self.config.text("CpoName");
        let organization = operator.unwrap_or_else(|| self.station.vendor.clone());
        let request_id = self.request_id();
        self.csr_asked = Some(request_id);
        self.command(Command::CreateCsr(CsrRequest {
            request_id,
            common_name,
            organization,
        }));
    }

    pub(super) fn on_csr(&mut self, request: u64, pem: &str) {
        if self.csr_asked.take_if(|asked| *asked == request).is_none() {
            return;
        }
        match CiString::new(pem) {
            Ok(csr) => {
                let message = SignCertificateRequest { csr };
                let _said_if_full = self.call(&message.into(), About::Notice);
            }
            Err(_) => log(Level::Error, "the signing request is too long to be sent"),
        }
    }

    pub(super) fn certificate_signed(
        &mut self,
        id: &MessageId,
        request: &CertificateSignedRequest,
    ) {
        if !self.may_command() {
            let status = GenericStatus::Rejected;
            return self.answer(id, &Response::from(CertificateSignedResponse { status }));
        }
        self.ask_station(Waiting::Chain(id.clone()), |request_id| {
            Command::InstallChain(InstallChainRequest {
                request_id,
                pem: request.certificate_chain.as_str().to_owned(),
            })
        });
    }

    // ---- what the station said ----

    /// The answer to a call about certificates.
    pub(super) fn certificates_outcome(&mut self, waiting: Waiting, outcome: &Outcome) {
        let accepted = outcome.kind == OutcomeKind::Accepted;
        match waiting {
            Waiting::InstallCertificate(id) => {
                let status = match outcome.kind {
                    OutcomeKind::Accepted => InstallCertificateStatus::Accepted,
                    OutcomeKind::Failed => InstallCertificateStatus::Failed,
                    _ => InstallCertificateStatus::Rejected,
                };
                self.answer(&id, &Response::from(InstallCertificateResponse { status }));
            }
            Waiting::DeleteCertificate(id) => {
                let status = match outcome.kind {
                    OutcomeKind::Accepted => DeleteCertificateStatus::Accepted,
                    OutcomeKind::Unknown => DeleteCertificateStatus::NotFound,
                    _ => DeleteCertificateStatus::Failed,
                };
                self.answer(&id, &Response::from(DeleteCertificateResponse { status }));
            }
            Waiting::CertificateIds(id) => self.answer_certificate_ids(&id, &[]),
            Waiting::Chain(id) if accepted => {
                let status = GenericStatus::Accepted;
                self.answer(&id, &Response::from(CertificateSignedResponse { status }));
                self.client_certificate = true;
                if self.presents_certificate() {
                    self.renew_since = self.renew_since.or(Some(self.now.at));
                }
            }
            Waiting::Chain(id) => {
                let status = GenericStatus::Rejected;
                self.answer(&id, &Response::from(CertificateSignedResponse { status }));
                let event = format!("InvalidChargePointCertificate: {}", outcome.detail);
                self.security_event(&event);
            }
            _ => {}
        }
    }
}
