//! What a spreadsheet makes of cells.

const FORMULA_STARTS: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\n'];

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_defused_is_read_again_as_it_was() {
        for cell in ["=1+1", "-5CG", "@x", "'quoted", "PF1", ""] {
            assert_eq!(restored(&defused(cell)), cell);
            assert!(!defused(cell).starts_with(FORMULA_STARTS));
        }
    }
}
