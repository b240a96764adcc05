//! How much of its store a plugin uses.

use std::collections::BTreeMap;

use crate::error::PluginError;
use crate::manifest::{StoreEntry, StoreWrite};

/// Sizes of the entries of one plugin's store, kept up to date with every write.
#[derive(Debug, Default)]
pub(crate) struct StoreQuota {
    sizes: BTreeMap<String, usize>,
    used: usize,
}

impl StoreQuota {
    pub(crate) fn reset(&mut self, entries: &[StoreEntry]) {
        *self = Self::default();
        for entry in entries {
            self.set(&entry.key, Some(entry.value.len()));
        }
    }

    /// Takes a write into account.
    ///
    /// Errors: [`PluginError::Garbage`] above the quota. The instance dies with it, so the count need not be undone.
    pub(crate) fn write(&mut self, write: &StoreWrite, quota_kib: u32) -> Result<(), PluginError> {
        self.set(&write.key, write.value.as_ref().map(Vec::len));
        let quota = usize::try_from(u64::from(quota_kib) << 10).unwrap_or(usize::MAX);
        // A store that was too large from the start (the pack's quota was lowered) may still shrink.
        if write.value.is_some() && self.used > quota {
            return Err(PluginError::Garbage(format!(
                "its store would be larger than {quota_kib} KiB; raise `store_kib` if that is right"
            )));
        }
        Ok(())
    }

    fn set(&mut self, key: &str, len: Option<usize>) {
        let old = match len {
            Some(len) => {
                let size = key.len().saturating_add(len);
                self.used = self.used.saturating_add(size);
                self.sizes.insert(key.to_owned(), size)
            }
            None => self.sizes.remove(key),
        };
        self.used = self.used.saturating_sub(old.unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(key: &str, len: Option<usize>) -> StoreWrite {
        StoreWrite {
            key: key.to_owned(),
            value: len.map(|len| vec![0; len]),
        }
    }

    #[test]
    fn store_is_bounded_over_all_calls_and_freed_by_deletes() {
        let mut quota = StoreQuota::default();
        quota.reset(&[StoreEntry {
            key: "a".to_owned(),
            value: vec![0; 500],
        }]);
        assert!(quota.write(&write("b", Some(500)), 1).is_ok());
        assert!(
            quota.write(&write("b", Some(400)), 1).is_ok(),
            "replaced, not added"
        );
        assert!(quota.write(&write("c", Some(200)), 1).is_err());
        quota.reset(&[StoreEntry {
            key: "a".to_owned(),
            value: vec![0; 1_000],
        }]);
        assert!(quota.write(&write("a", None), 1).is_ok());
        assert!(quota.write(&write("c", Some(1_000)), 1).is_ok());
    }
}
