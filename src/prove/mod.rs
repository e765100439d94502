//! Proving answers: the definition, and what is compared with it.

pub(crate) mod check;
pub mod reference;
pub(crate) mod verify;
