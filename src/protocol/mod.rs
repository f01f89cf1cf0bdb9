//! Turns one due attempt into a held connection or an answered request.
