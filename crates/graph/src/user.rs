//! Users of the tenant's directory.

/// A user, as far as a campaign needs one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// As the directory spells it.
    pub user_principal_name: String,
    /// Empty where there is none.
    pub display_name: String,
    /// Whether they may sign in; `None` where the app may not know.
    pub is_enabled: Option<bool>,
}
