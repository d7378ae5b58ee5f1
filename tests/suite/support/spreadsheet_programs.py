"""What openpyxl and pandas find in a file, as JSON, and a spreadsheet that openpyxl writes.

    spreadsheet_programs.py openpyxl|pandas FILE [SEPARATOR]
    spreadsheet_programs.py write FILE 1900|1904
"""

import datetime
import json
import re
import sys

import openpyxl
import pandas
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.utils.datetime import CALENDAR_MAC_1904


def plain(value):
    """A value as JSON has it; dates and time spans are objects, to distinguish them from texts."""
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return {"time": value.isoformat()}
    if isinstance(value, datetime.timedelta):
        return {"seconds": value.total_seconds()}
    # It leaves escapes of what XML cannot hold as they are.
    escape = r"_x(00[01][0-9A-Fa-f]|005F|[Ff]{3}[EFef])_"
    return re.sub(escape, lambda found: chr(int(found[1], 16)), value) if isinstance(value, str) else value


def cells_of_openpyxl(path):
    sheet = openpyxl.load_workbook(path).active
    # LibreOffice keeps booleans as formulas.
    flags = {"=TRUE()": True, "=FALSE()": False}
    for row in sheet.iter_rows():
        for cell in row:
            assert cell.data_type != "f" or cell.value in flags, f"{cell.coordinate} is a formula"
        yield [flags[cell.value] if cell.data_type == "f" else plain(cell.value) for cell in row]


def cells_of_pandas(path, separator):
    if path.endswith(".xlsx"):
        table = pandas.read_excel(path, dtype=object, keep_default_na=False)
    else:
        table = pandas.read_csv(path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    yield list(table.columns)
    for row in table.itertuples(index=False):
        yield [plain(value) for value in row] if path.endswith(".xlsx") else list(row)


def write(path, calendar):
    """One cell of each kind, and what people do to their sheets."""
    book = openpyxl.Workbook()
    if calendar == "1904":
        book.epoch = CALENDAR_MAC_1904
    sheet = book.active
    sheet.title = "Ünï 商品 & <x>"
    moment, span = datetime.datetime, datetime.timedelta
    rich = CellRichText("plain ", TextBlock(InlineFont(b=True), "bold"), " end")
    for row in [
        ["id", "text", "when", "number", "flag", "formula", "money", "span"],
        [1, "007", moment(2026, 11, 30), 1.5, True, "=D2*2", 1234.5, span(hours=36, minutes=30)],
        [2, "  lead", moment(2026, 11, 30, 14, 30), -3, False, '=B2&"x"', -1, span(seconds=1)],
        [3, "a\nb\tc", datetime.time(9, 5, 7), 1e-7, None, "=NA()", 0, None],
        [4, rich, moment(1999, 12, 31, 23, 59, 59), 999999999999999, True, "=1<2"],
        [5, "merged", moment(1950, 1, 1)],
        [6],
        [7, "hidden 🎉"],
        [8, "שלום", None, "#N/A", None, "=1/0"],
    ]:
        sheet.append(row)
    sheet.merge_cells("B6:B7")
    sheet.row_dimensions[8].hidden = True
    sheet.column_dimensions["D"].hidden = True
    sheet["C5"].number_format = "dddd, mmmm dd, yyyy"
    sheet["G2"].number_format = "#,##0.00 [$€-407]"
    sheet["B3"].hyperlink = "https://example.com"
    # A cell with a colour and nothing else, far below.
    sheet["B40"].fill = openpyxl.styles.PatternFill("solid", fgColor="FF0000")
    book.create_sheet("Hidden", 0).sheet_state = "hidden"
    book.active = 1
    book.save(path)


command, file, *more = sys.argv[1:]
if command == "write":
    write(file, more[0])
else:
    rows = cells_of_openpyxl(file) if command == "openpyxl" else cells_of_pandas(file, more[0] if more else None)
    print(json.dumps(list(rows)))
