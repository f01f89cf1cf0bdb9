//! Turns paths of PEM files into their texts, each file read once.

#![expect(clippy::disallowed_methods, reason = "authorities are files that the plan names")]

use super::TlsError;
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// The texts of PEM files. A file is read when it is first asked for; clones share what was read,
/// so that all levels of a search use the same certificates, whatever becomes of the files.
#[derive(Clone, Default)]
pub struct PemFiles(Rc<RefCell<HashMap<PathBuf, Rc<str>>>>);

impl PemFiles {
    /// The text of a file.
    ///
    /// # Errors
    /// Where it cannot be read; the next call tries again.
    pub(super) fn text(&self, path: &Path) -> Result<Rc<str>, TlsError> {
        if let Some(text) = self.0.borrow().get(path) {
            return Ok(Rc::clone(text));
        }
        let text: Rc<str> = std::fs::read_to_string(path)
            .map_err(|source| TlsError::Read { path: path.to_owned(), source })?
            .into();
        self.0.borrow_mut().insert(path.to_owned(), Rc::clone(&text));
        Ok(text)
    }
}

impl fmt::Debug for PemFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A private key must not reach a log.
        f.write_str("PemFiles")
    }
}
