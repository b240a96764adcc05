//! Certificates: the charge point's request for its own, and the roots it has.

use crate::limits::CSMS_CERTIFICATES_MAX;
use crate::v16::{
    CertificateHashData, CertificateUse, CiString, GetInstalledCertificateIdsResponse,
};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// A signing request in PEM.
pub type SigningRequest = CiString<5500>;

/// What is known about the certificates of one charge point.
///
/// # Invariants
/// At most [`CSMS_CERTIFICATES_MAX`] roots per use.
#[derive(Debug, Default)]
pub struct CertificateBook {
    request: Option<SigningRequest>,
    roots: BTreeMap<CertificateUse, Vec<CertificateHashData>>,
}

impl CertificateBook {
    /// The signing request that waits for its certificate; a newer one takes its place.
    #[must_use]
    pub const fn request(&self) -> Option<&SigningRequest> {
        self.request.as_ref()
    }

    /// The root certificates the charge point named; `None` if it was not asked since the last one was installed.
    #[must_use]
    pub fn roots(&self, of: CertificateUse) -> Option<&[CertificateHashData]> {
        self.roots.get(&of).map(Vec::as_slice)
    }

    pub(super) fn requested(&mut self, csr: SigningRequest) {
        self.request = Some(csr);
    }

    /// The charge point answered the certificate for a request: it took it, or will ask again. A newer request stays.
    pub(super) fn delivered(&mut self, csr: &SigningRequest) {
        // Compared to the letter: Base64 knows upper and lower case.
        self.request
            .take_if(|request| request.as_str() == csr.as_str());
    }

    pub(super) fn told(
        &mut self,
        of: CertificateUse,
        response: &GetInstalledCertificateIdsResponse,
    ) {
        let told = response.certificate_hash_data.iter().flatten();
        let roots = told.take(CSMS_CERTIFICATES_MAX).cloned().collect();
        self.roots.insert(of, roots);
    }

    /// What is installed changed in a way that only the charge point knows.
    pub(super) fn forget(&mut self, of: CertificateUse) {
        self.roots.remove(&of);
    }

    pub(super) fn removed(&mut self, certificate: &CertificateHashData) {
        for roots in self.roots.values_mut() {
            roots.retain(|root| root != certificate);
        }
    }

    pub(super) fn forget_all(&mut self) {
        self.roots.clear();
    }
}
