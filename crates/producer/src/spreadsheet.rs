//! What a spreadsheet makes of cells.

/// The last four are full-width: East Asian versions of Excel take them for the others.
const FORMULA_STARTS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// A spreadsheet runs a cell that begins like a formula: an apostrophe before it makes it text.
#[must_use]
pub fn defused(cell: &str) -> String {
    if cell.starts_with(FORMULA_STARTS) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

/// A cell without the apostrophe that [`defused`] gave it.
pub(crate) fn restored(cell: &str) -> &str {
    cell.strip_prefix('\'')
        .filter(|rest| rest.starts_with(FORMULA_STARTS))
        .unwrap_or(cell)
}

/// A key without what exporters put around it so that a spreadsheet keeps its zeros: `="0012345"`
/// and `'0012345` are 0012345.
pub(crate) fn unwrapped(cell: &str) -> &str {
    let cell = restored(cell);
    let formula = cell
        .strip_prefix("=\"")
        .and_then(|rest| rest.strip_suffix('"'));
    let inner = formula.or_else(|| cell.strip_prefix('\'')).unwrap_or(cell);
    if inner.contains('"') {
        cell
    } else {
        inner.trim()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_keeps_the_zeros_of_a_key_is_no_part_of_it() {
        for (cell, key) in [
            ("=\"0012345\"", "0012345"),
            ("'0012345", "0012345"),
            ("'=\"0012345\"", "0012345"),
            ("0012345", "0012345"),
            ("=\"00\"&\"12\"", "=\"00\"&\"12\""),
            ("=A1", "=A1"),
            ("'-5CG", "-5CG"),
            ("'", ""),
        ] {
            assert_eq!(unwrapped(cell), key, "{cell}");
        }
    }

    #[test]
    fn what_is_defused_is_read_again_as_it_was() {
        for cell in ["=1+1", "-5CG", "@x", "＝1+1", "'quoted", "PF1", ""] {
            assert_eq!(restored(&defused(cell)), cell);
            assert!(!defused(cell).starts_with(FORMULA_STARTS));
        }
    }
}
