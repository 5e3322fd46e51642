//! What to do about Entra's refusals, by the number that it gives them.

/// What to do about an AADSTS number; none where Entra's own words must do.
pub(super) fn advice(code: u32) -> Option<&'static str> {
    let says = match code {
        65001 | 90094 | 90095 | 90008 => {
            "an administrator has to consent to the app's permissions: sign in as one and tick \
             `Consent on behalf of your organization`, or have consent granted in Entra \
             (Enterprise applications, Permissions)"
        }
        65004 => "consent was declined: sign in again and accept the permissions",
        50076 | 50079 | 50072 | 50074 | 50158 => {
            "multifactor authentication is asked for: sign in again and complete it"
        }
        50105 => {
            "assign this person, or a group of theirs, to the app in Entra (Enterprise \
             applications, Users and groups), or sign in as somebody who is assigned"
        }
        700_016 => {
            "the tenant does not know the app: check the tenant and the cloud, or register an app \
             of your own and name it with --client-id"
        }
        7_000_218 => {
            "the app is not a public client: set `Allow public client flows` to Yes in Entra (App \
             registrations, Authentication)"
        }
        90002 | 90023 | 900_023 | 900_021 => {
            "there is no such tenant: check --tenant for a typing error, and --cloud for the \
             tenant's cloud"
        }
        50011 | 500_113 | 900_971 => {
            "register the redirect address http://localhost under `Mobile and desktop \
             applications` in Entra (App registrations, Authentication)"
        }
        50173 | 50132 | 50133 | 50089 | 54005 => {
            "the sign-in was revoked, or the password was changed: sign in again"
        }
        70008 | 70043 | 700_082 | 700_084 | 50078 | 50085 => "the sign-in ran out: sign in again",
        53000 | 53001 | 53002 | 53003 | 53004 | 530_003 | 530_032 | 530_034 => {
            "Conditional Access does not let this sign-in through: sign in on a device, network or \
             by a way that its policies allow"
        }
        530_036 => {
            "Conditional Access does not allow device codes: sign in where there is a browser, \
             without --device-code"
        }
        50057 => "the account is disabled: sign in as somebody else",
        50020 | 50034 | 90072 | 50177 | 51004 => {
            "this account is not in the tenant: sign in with one that is, or name its tenant with \
             --tenant"
        }
        50126 | 50053 | 50055 => "check the account and its password in the browser",
        70011 | 28002 | 28003 | 650_053 | 650_057 => {
            "the app may not ask for these permissions: add them to the app registration (API \
             permissions, Microsoft Graph, delegated)"
        }
        500_011 => "the tenant has no Microsoft Graph of this cloud: check --cloud",
        700_024 | 500_133 => "check that this machine's clock is right",
        90033 | 50196 | 90024 => "Entra is busy: try again in a minute",
        _ => return None,
    };
    Some(says)
}

/// The first AADSTS number in a text.
pub(super) fn code_in(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("AADSTS")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_and_those_of_sign_ins_have_advice() {
        let code = code_in("invalid_grant: AADSTS50173: The provided grant has expired");
        assert_eq!(code, Some(50173));
        assert_eq!(code_in("AADSTS"), None);
        assert_eq!(code_in("AADSTS99999999999999"), None);
        for code in [
            65001, 50076, 50105, 700_016, 7_000_218, 90002, 50173, 700_082,
        ] {
            assert!(advice(code).is_some(), "{code}");
        }
        assert_eq!(advice(1), None);
    }
}
