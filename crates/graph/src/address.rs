//! Where the calls go, and where they never go.

use std::fmt::Write as _;

use repilot_domain::DeviceId;
use url::Url;

use crate::body::one_line;
use crate::foreign::host;
use crate::{GraphRoot, GraphSettings, NextLink, Route};

const IDENTITIES: &str = "deviceManagement/windowsAutopilotDeviceIdentities";

/// The most that Graph puts on a page.
const PAGE_SIZE: u32 = 1_000;

/// Largest number of characters shown of a link that is none.
const LINK_SHOWN: usize = 80;

/// The addresses below one root, in one version, by one route.
#[derive(Debug)]
pub(crate) struct Addresses {
    root: GraphRoot,
    /// `{root}/{version}/deviceManagement/windowsAutopilotDeviceIdentities`.
    collection: Url,
    /// `{root}/{version}/users`.
    users: Url,
    route: Route,
}

impl Addresses {
    pub(crate) fn new(settings: &GraphSettings) -> Self {
        let version = settings.version.as_str();
        Self {
            collection: settings.root.below(&format!("{version}/{IDENTITIES}")),
            users: settings.root.below(&format!("{version}/users")),
            root: settings.root.clone(),
            route: settings.route,
        }
    }

    /// `None` for an id that no path can carry.
    pub(crate) fn unassign_user(&self, device: &DeviceId) -> Option<Url> {
        let collection = self.collection.path();
        let id = segment(device.as_str())?;
        let path = match self.route {
            Route::Identity => format!("{collection}/{id}/unassignUserFromDevice"),
            Route::DeploymentProfile => format!(
                "{collection}/{id}/deploymentProfile/assignedDevices/{id}/unassignUserFromDevice"
            ),
        };
        // Each call changes the path alone: to parse the whole costs as much as to send it.
        let mut url = self.collection.clone();
        url.set_path(&path);
        Some(url)
    }

    /// The direct route whichever is set: the longer one is documented for unassigning alone. `None`
    /// for an id that no path can carry.
    pub(crate) fn assign_user(&self, device: &DeviceId) -> Option<Url> {
        let collection = self.collection.path();
        let id = segment(device.as_str())?;
        let mut url = self.collection.clone();
        url.set_path(&format!("{collection}/{id}/assignUserToDevice"));
        Some(url)
    }

    /// `None` for a name that no path can carry.
    ///
    /// A name that begins with `$` would be taken for one of Graph's own words: Graph asks for it
    /// within parentheses and quotes.
    pub(crate) fn user(&self, user_principal_name: &str) -> Option<String> {
        let user = segment(user_principal_name)?;
        let users = if user_principal_name.starts_with('$') {
            let quoted = user.replace("%27", "%27%27");
            format!("{}('{quoted}')", self.users)
        } else {
            format!("{}/{user}", self.users)
        };
        Some(format!(
            "{users}?$select=userPrincipalName,displayName,accountEnabled"
        ))
    }

    /// `None` for an id that no path can carry.
    pub(crate) fn device(&self, device: &DeviceId) -> Option<String> {
        Some(format!("{}/{}", self.collection, segment(device.as_str())?))
    }

    pub(crate) fn first_page(&self) -> String {
        format!("{}?$top={PAGE_SIZE}", self.collection)
    }

    /// The address of the list of devices, without a query.
    pub(crate) fn collection(&self) -> &str {
        self.collection.as_str()
    }

    /// The link of a page's successor, if the token may go there: to this Graph, nowhere else. Else
    /// why not.
    pub(crate) fn next_page(&self, link: String) -> Result<NextLink, String> {
        let Ok(url) = Url::parse(&link) else {
            let shown = one_line(&link).chars().take(LINK_SHOWN).collect::<String>();
            return Err(format!("the next page's link is no URL: `{shown}`"));
        };
        if self.root.same_origin(&url) {
            return Ok(NextLink(link));
        }
        if url.scheme() == "http" && !self.root.is_plain() {
            return Err(format!(
                "the next page's link is plain http (to {}): the token would travel in the clear",
                host(&url)
            ));
        }
        Err(format!(
            "the next page's link leads to another host, {}",
            host(&url)
        ))
    }
}

/// An id as one segment of a path: nothing in it leads anywhere else.
///
/// A segment of dots leads upwards even when it is encoded, and an empty one is none: neither can
/// be written.
fn segment(id: &str) -> Option<String> {
    if matches!(id, "" | "." | "..") {
        return None;
    }
    let mut encoded = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    Some(encoded)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::ApiVersion;

    fn addresses(version: ApiVersion, route: Route) -> Addresses {
        Addresses::new(&GraphSettings {
            root: GraphRoot::parse("https://graph.microsoft.com/").unwrap(),
            version,
            route,
            timeout: Duration::from_secs(1),
        })
    }

    #[test]
    fn the_longer_route_names_the_id_twice() {
        let addresses = addresses(ApiVersion::Beta, Route::DeploymentProfile);
        assert_eq!(
            addresses
                .unassign_user(&DeviceId("a-1".to_owned()))
                .unwrap()
                .as_str(),
            "https://graph.microsoft.com/beta/deviceManagement/windowsAutopilotDeviceIdentities/\
             a-1/deploymentProfile/assignedDevices/a-1/unassignUserFromDevice"
        );
    }

    #[test]
    fn a_guests_name_is_one_segment() {
        let addresses = addresses(ApiVersion::V1, Route::Identity);
        assert_eq!(
            addresses.user("ada_fabrikam.com#EXT#@contoso.com").unwrap(),
            "https://graph.microsoft.com/v1.0/users/\
             ada%5Ffabrikam%2Ecom%23EXT%23%40contoso%2Ecom?$select=userPrincipalName,displayName,accountEnabled"
        );
    }

    #[test]
    fn a_name_with_a_dollar_first_is_asked_for_in_quotes() {
        let addresses = addresses(ApiVersion::V1, Route::Identity);
        assert_eq!(
            addresses.user("$o'x@contoso.com").unwrap(),
            "https://graph.microsoft.com/v1.0/\
             users('%24o%27%27x%40contoso%2Ecom')?$select=userPrincipalName,displayName,accountEnabled"
        );
    }

    #[test]
    fn an_id_that_no_path_can_carry_has_no_address() {
        let addresses = addresses(ApiVersion::V1, Route::Identity);
        for id in ["", ".", ".."] {
            let device = DeviceId(id.to_owned());
            assert_eq!(addresses.unassign_user(&device), None, "{id}");
            assert_eq!(addresses.device(&device), None, "{id}");
        }
    }

    #[test]
    fn a_next_link_is_followed_to_its_own_origin_alone() {
        let addresses = addresses(ApiVersion::V1, Route::Identity);
        let good = "https://graph.microsoft.com/v1.0/x?$skiptoken='a b'";
        assert_eq!(
            addresses.next_page(good.to_owned()),
            Ok(NextLink(good.to_owned()))
        );
        for (bad, why) in [
            ("", "is no URL"),
            ("string", "is no URL: `string`"),
            ("/v1.0/x?$skiptoken=1", "is no URL"),
            ("http://graph.microsoft.com/v1.0/x", "is plain http"),
            (
                "https://graph.microsoft.com:8443/v1.0/x",
                "another host, graph.microsoft.com:8443",
            ),
            (
                "https://graph.microsoft.com.evil.example/v1.0/x",
                "another host, graph.microsoft.com.evil.example",
            ),
            (
                "https://graph.microsoft.com@evil.example/v1.0/x",
                "another host, evil.example",
            ),
        ] {
            let said = addresses.next_page(bad.to_owned()).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }

    proptest! {
        #[test]
        fn no_id_leads_out_of_its_segment(id in "[./%\\\\?#]{0,5}|.{0,60}") {
            let addresses = addresses(ApiVersion::V1, Route::Identity);
            let device = DeviceId(id);
            let Some(url) = addresses.unassign_user(&device) else {
                return Ok(());
            };
            let segments: Vec<&str> = url.path_segments().unwrap().collect();
            prop_assert_eq!(segments.len(), 5);
            prop_assert_eq!(&segments[..3], &["v1.0", "deviceManagement", "windowsAutopilotDeviceIdentities"]);
            prop_assert_eq!(segments[4], "unassignUserFromDevice");
            prop_assert_eq!(url.query(), None);
            prop_assert_eq!(url.fragment(), None);
            let assign = addresses.assign_user(&device).unwrap();
            let segments: Vec<&str> = assign.path_segments().unwrap().collect();
            prop_assert_eq!(segments.len(), 5);
            prop_assert_eq!(segments[4], "assignUserToDevice");
        }
    }
}
