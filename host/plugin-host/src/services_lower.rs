//! From the host's services to the backend contract. Nothing here can fail.

use crate::backend_lower::link_down;
use crate::contract::backend::exports::pilotwire::backend::adapter as g;
use crate::services::{
    CertificateHash, HashAlgorithm, HttpCall, HttpResponse, Listening, TransferReport,
    TransferStage,
};

pub(crate) fn transfer(report: TransferReport) -> g::TransferReport {
    use TransferStage as S;
    use g::TransferStage as G;
    g::TransferReport {
        request_id: report.request.0,
        stage: match report.stage {
            S::Running => G::Running,
            S::Done => G::Done,
            S::Failed => G::Failed,
            S::Verified => G::Verified,
            S::InvalidSignature => G::InvalidSignature,
            S::InvalidCertificate => G::InvalidCertificate,
            S::Installing => G::Installing,
            S::Restarting => G::Restarting,
            S::Installed => G::Installed,
            S::InstallFailed => G::InstallFailed,
            S::Cancelled => G::Cancelled,
        },
        detail: report.detail,
    }
}

pub(crate) fn certificate(hash: CertificateHash) -> g::CertificateHash {
    g::CertificateHash {
        algorithm: match hash.algorithm {
            HashAlgorithm::Sha256 => g::HashAlgorithm::Sha256,
            HashAlgorithm::Sha384 => g::HashAlgorithm::Sha384,
            HashAlgorithm::Sha512 => g::HashAlgorithm::Sha512,
        },
        issuer_name_hash: hash.issuer_name_hash,
        issuer_key_hash: hash.issuer_key_hash,
        serial_number: hash.serial_number,
    }
}

pub(crate) fn response(response: HttpResponse) -> g::HttpResponse {
    g::HttpResponse {
        request_id: response.request.0,
        status: response.status.into(),
        headers: response.headers,
        body: response.body,
        failure: response.failure.map(link_down),
    }
}

pub(crate) fn listening(listening: Listening) -> g::Listening {
    g::Listening {
        port: listening.port.into(),
        addresses: listening.addresses,
        detail: listening.detail,
    }
}

pub(crate) fn call(call: HttpCall) -> g::HttpCall {
    g::HttpCall {
        call_id: call.call,
        peer: call.peer,
        method: call.method,
        path: call.path,
        headers: call.headers,
        body: call.body,
    }
}
