//! Why a quota cannot be shared.

/// Why a quota cannot be shared.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    /// The state folder cannot be used.
    #[error(
        "the quota cannot be shared: the folder {folder} cannot be used: {what}\n  = help: set FANFOLD_STATE_DIR to a folder that can be written, or `share = \"off\"` under [limits]"
    )]
    Folder {
        /// The folder.
        folder: String,
        /// What the system says.
        what: String,
    },
    /// The server does not answer as it should.
    #[error(
        "the quota cannot be shared: {server} cannot be used: {what}\n  = help: nothing was sent; start the server, check `share` under [limits], or set it to \"off\""
    )]
    Server {
        /// Its address, without the password.
        server: String,
        /// What happened.
        what: String,
    },
}
