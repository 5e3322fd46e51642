//! Serials that are none: what makers leave in a machine's firmware, and many machines have.

/// Placeholders without regard to case, blanks and punctuation.
const PLACEHOLDERS: [&str; 42] = [
    "0123456789",
    "123456789",
    "1234567890",
    "12345678901234567890",
    "baseboardserialnumber",
    "blank",
    "boardserialnumber",
    "chassisserialnumber",
    "default",
    "defaultstring",
    "defaultvalue",
    "empty",
    "eval",
    "filledbyoem",
    "generic",
    "invalid",
    "na",
    "no",
    "noasset",
    "none",
    "noserial",
    "noserialnumber",
    "notapplicable",
    "notavailable",
    "notdefined",
    "notset",
    "notsettable",
    "notspecified",
    "null",
    "oem",
    "oemserialnumber",
    "pcserialnumber",
    "serial",
    "serialnumber",
    "ssn",
    "ssn12345678901234567890",
    "systemserialnumber",
    "tobedetermined",
    "tobefilled",
    "type1systemserialnumber",
    "undefined",
    "unknown",
];

/// Beginnings of them.
const BEGINNINGS: [&str; 1] = ["tobefilledby"];

/// Longer than any of them.
const LONGEST: usize = 32;

/// A text of one character repeated stands for nothing from this length on; a short one of them may be
/// a number.
const REPEATED: usize = 4;

/// Whether a text is no serial of one machine.
pub(crate) fn is_placeholder(text: &str) -> bool {
    let text = text.trim();
    // A column that was too narrow, which has another reason.
    if text.starts_with('#') {
        return false;
    }
    let mut folded = [0; LONGEST];
    let mut length = 0;
    let mut is_short = true;
    for character in text.chars() {
        if character.is_alphanumeric() {
            let fits = character.is_ascii() && length < LONGEST;
            if !fits {
                is_short = false;
                break;
            }
            folded[length] = u8::try_from(character.to_ascii_lowercase()).unwrap_or_default();
            length += 1;
        }
    }
    if is_short {
        let folded = std::str::from_utf8(&folded[..length]).unwrap_or_default();
        // Punctuation alone, or zeros alone.
        let is_nothing = folded.bytes().all(|byte| byte == b'0');
        let begins = BEGINNINGS.iter().any(|start| folded.starts_with(start));
        if is_nothing || begins || PLACEHOLDERS.binary_search(&folded).is_ok() {
            return !text.is_empty();
        }
    }
    if let [first, second, ..] = text.as_bytes()
        && text.is_ascii()
        && !first.eq_ignore_ascii_case(second)
    {
        return false;
    }
    let mut characters = text.chars().flat_map(char::to_lowercase);
    let first = characters.next();
    text.chars().count() >= REPEATED && characters.all(|other| Some(other) == first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_machines_have_for_a_serial_is_told_from_serials() {
        assert!(PLACEHOLDERS.is_sorted());
        for none in [
            "Default string",
            "System Serial Number",
            "To be filled by O.E.M.",
            "To Be Filled By O.E.M. ",
            "None",
            "0",
            "00000000",
            "Not Specified",
            "INVALID",
            "N/A",
            "-",
            "XXXXXXXX",
            "xxxx",
            "1111111",
            "1234567890",
            "SSN12345678901234567890",
        ] {
            assert!(is_placeholder(none), "{none}");
        }
        for serial in [
            "",
            "1",
            "111",
            "PF1",
            "0012345",
            "NONE1",
            "0924-3584-5488-9044-8423-3149-46",
            "VMware-56 4d 8a 6f 23 1c 5e 77-9a 01 02 03 04 05 06 07",
            "Gerät",
        ] {
            assert!(!is_placeholder(serial), "{serial}");
        }
    }
}
