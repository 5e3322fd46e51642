//! Which column of a list says who is to be assigned, by its header.
//!
//! Most lists say who *has* a device, and a mistake here would give devices back to whom they are
//! taken from. So only a header that can mean nothing but the new user is taken for it; any other
//! must be named.

use crate::columns::normalise;

/// Headers, normalised, that can mean nothing but the user who is to be assigned.
const NEW_USERS: [&str; 36] = [
    "newuser",
    "newupn",
    "newuserupn",
    "newuserprincipalname",
    "newuseremail",
    "newassigneduser",
    "newassignedupn",
    "newassignee",
    "newprimaryuser",
    "newprimaryuserupn",
    "newowner",
    "newownerupn",
    "usernew",
    "upnnew",
    "userprincipalnamenew",
    "assignto",
    "assigntouser",
    "assigntoupn",
    "reassignto",
    "reassigntouser",
    "targetuser",
    "targetupn",
    "targetuserupn",
    "targetuserprincipalname",
    "touser",
    "toupn",
    "nextuser",
    "nextupn",
    "futureuser",
    "usertoassign",
    "upntoassign",
    "neuerbenutzer",
    "nouvelutilisateur",
    "nuevousuario",
    "nuovoutente",
    "nieuwegebruiker",
];

/// What administrators may call the column that would do.
pub(crate) const COLUMNS_THAT_DO: &str =
    "`New user`, `New UPN`, `New user principal name`, `Assign to` or `Target user`";

/// What is in the headers that may mean a user, new or not.
const PERHAPS: [&str; 9] = [
    "user",
    "upn",
    "owner",
    "assign",
    "principalname",
    "mail",
    "benutzer",
    "utilisateur",
    "usuario",
];

/// Whether a header is that of the new user: the one of this name, or one that can mean nothing
/// else.
pub(crate) fn is_meant(header: &str, named: Option<&str>) -> bool {
    let header = normalise(header);
    match named {
        Some(named) => header == normalise(named),
        None => NEW_USERS.contains(&header.as_str()),
    }
}

/// Whether a header may mean a user at all: whoever looks for the right column sees these.
pub(crate) fn may_be_meant(header: &str) -> bool {
    let header = normalise(header);
    PERHAPS.iter().any(|part| header.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_may_say_who_has_the_device_is_never_taken_for_the_new_user() {
        for present in [
            "userPrincipalName",
            "User principal name",
            "UPN",
            "User",
            "Assigned User",
            "Assigned to",
            "Primary user UPN",
            "Enrolled by",
            "Owner",
            "Email",
            "addressableUserName",
            "Old user",
            "Current user",
            "Userless Enrollment Status",
            "New",
            "",
        ] {
            assert!(!is_meant(present, None), "{present}");
        }
        for new in ["New user", "NEW_UPN", "newUserPrincipalName", "Assign-To"] {
            assert!(is_meant(new, None), "{new}");
        }
    }

    #[test]
    fn a_column_that_is_named_is_the_only_one() {
        assert!(is_meant("Assigned User", Some("assigned_user")));
        assert!(!is_meant("New user", Some("assigned_user")));
    }
}
