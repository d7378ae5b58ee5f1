//! What a job says of the columns of its output.

use crate::schema::Field;
use crate::write::answer::FurtherColumns;
use crate::write::each::EachColumns;

/// The column settings of the job's `[output]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutputSpec {
    /// The columns of the output in order, by their names before `rename`; `None` means all columns of the input, then all
    /// answer columns. Answer columns may be named with or without the prefix.
    pub select: Option<Vec<String>>,
    /// Whether the columns of the input are left out, where `select` is `None`.
    pub answers_only: bool,
    /// Columns to be renamed: the old name, as in `select`, and the new one.
    pub rename: Vec<(String, String)>,
    /// Prepended to the name of every answer column that is not renamed.
    pub prefix: String,
    /// Whether text cells of CSV and TSV that a spreadsheet would run as formulas get a `'` before them.
    pub spreadsheet_safe: bool,
    /// The delimiter of CSV or TSV; `None`: a comma, or a tab.
    pub delimiter: Option<u8>,
    /// Whether CSV and TSV begin with a byte order mark.
    pub is_marked: bool,
    /// Fields of the answer that become columns after the answer columns.
    pub fields: Vec<Field>,
    /// The columns that only some jobs have.
    pub further: FurtherColumns,
    /// The columns for the combinations of `[each]`.
    pub each: EachColumns,
    /// A column of the input that is left out unless it is selected.
    pub unless_selected: Option<String>,
}
