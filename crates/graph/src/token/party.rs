//! Who is asked for a token.

/// Who is asked for a token: what they say is told under their name, and never as Graph's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Party {
    /// Entra, over the network.
    Entra,
    /// An Azure machine's metadata service.
    MetadataService,
    /// The identity endpoint of App Service, Functions or Container Apps.
    AppService,
    /// The Azure CLI on this machine.
    AzureCli,
}

impl Party {
    /// What to do where it does not answer, or with something else than a token.
    pub(super) const fn hint(self) -> &'static str {
        match self {
            Self::Entra => {
                "check the network, DNS and proxy on the way to Entra; docs/proxies.md lists what may stand between"
            }
            Self::MetadataService => {
                "managed identity works on Azure's machines alone: is this one, with an identity? \
                 elsewhere use a certificate or a client secret"
            }
            Self::AppService => "check that the app has a managed identity, then restart it",
            Self::AzureCli => {
                "run `az login`, and see that `az account get-access-token` prints a token"
            }
        }
    }
}

impl std::fmt::Display for Party {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Entra => "Entra",
            Self::MetadataService => "the metadata service",
            Self::AppService => "App Service's identity endpoint",
            Self::AzureCli => "the Azure CLI",
        })
    }
}
