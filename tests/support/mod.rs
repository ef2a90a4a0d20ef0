//! What the tests of the engine stand on: a database of their own, a vendor in memory, and an engine over both.

pub mod db;
pub mod fake;
pub mod proxy;
pub mod rig;

pub use fake::{Act, Gate, Mode, SPEC, Vendor, note, note_at};
pub use rig::{Rig, asked, initial};
