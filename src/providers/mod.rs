//! The services, one file each.

use crate::provider::{AnyProvider, Spec};

/// One line of the catalog.
pub enum Entry {
    /// It has a client.
    Ready(&'static dyn AnyProvider),
    /// It is described, and its client is still to come.
    Planned(&'static Spec),
}

impl Entry {
    /// What is constant about the vendor.
    pub fn spec(&self) -> &'static Spec {
        match self {
            Self::Ready(provider) => provider.spec(),
            Self::Planned(spec) => spec,
        }
    }
}

/// The catalog, in order of rank.
pub static ALL: &[Entry] = &[];

/// The entry of that id.
pub fn find(id: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.spec().id == id)
}
