//! Microsoft's clouds: a token of one does not work in another.

/// A Microsoft cloud.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cloud {
    /// Worldwide, and GCC.
    #[default]
    Global,
    /// US Government L4 (GCC High).
    UsGov,
    /// US Government L5 (`DoD`).
    UsGovDod,
    /// Operated by 21Vianet.
    China,
}

/// A word that names no cloud.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no cloud; known are global, us-gov, us-gov-dod, china")]
pub struct UnknownCloud(String);

impl Cloud {
    /// The word for it in the settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::UsGov => "us-gov",
            Self::UsGovDod => "us-gov-dod",
            Self::China => "china",
        }
    }

    /// Whether Microsoft's own app for the command line exists there. Apps of the global cloud are not
    /// copied to the one that 21Vianet operates; sign-ins there end with AADSTS700016.
    #[must_use]
    pub const fn has_command_line_tools(self) -> bool {
        !matches!(self, Self::China)
    }

    /// Where its Graph is.
    #[must_use]
    pub const fn root(self) -> &'static str {
        match self {
            Self::Global => "https://graph.microsoft.com",
            Self::UsGov => "https://graph.microsoft.us",
            Self::UsGovDod => "https://dod-graph.microsoft.us",
            Self::China => "https://microsoftgraph.chinacloudapi.cn",
        }
    }

    /// Who issues its tokens.
    #[must_use]
    pub const fn authority(self) -> &'static str {
        match self {
            Self::Global => "https://login.microsoftonline.com",
            Self::UsGov | Self::UsGovDod => "https://login.microsoftonline.us",
            Self::China => "https://login.chinacloudapi.cn",
        }
    }

    /// What a token is asked for.
    #[must_use]
    pub fn scope(self) -> String {
        format!("{}/.default", self.root())
    }
}

impl std::str::FromStr for Cloud {
    type Err = UnknownCloud;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "global" => Ok(Self::Global),
            "us-gov" => Ok(Self::UsGov),
            "us-gov-dod" => Ok(Self::UsGovDod),
            "china" => Ok(Self::China),
            other => Err(UnknownCloud(other.to_owned())),
        }
    }
}
