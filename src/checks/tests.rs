use std::collections::BTreeSet;

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};

use super::*;

/// Words of forty languages, with what ends a sentence, and whether they are written without blanks.
const LANGUAGES: [(&str, &[&str], &str, bool); 40] = [
    ("en", &["the", "file", "was", "saved", "at", "50% of", "its", "size"], ".", false),
    ("zh", &["文件", "已", "保存", "到", "１００％", "大小", "｛见下｝", "完成"], "。", true),
    ("ja", &["ファイル", "は", "保存", "され", "５０％", "ました", "「例」", "です"], "。", true),
    ("ko", &["파일이", "저장", "되었습니다", "50%의", "크기", "에서", "다음", "지금"], ".", false),
    ("ar", &["تم", "حفظ", "الملف", "٥٠٪", "من", "الحجم", "في", "النهاية"], "؟", false),
    ("he", &["הקובץ", "נשמר", "ב־50%", "של", "הגודל", "עכשיו", "כאן", "לא"], ".", false),
    ("fa", &["پرونده", "ذخیره", "شد", "۵۰٪", "اندازه", "در", "پایان", "اکنون"], "؟", false),
    ("ur", &["فائل", "محفوظ", "ہو", "گئی", "۵۰٪", "حجم", "میں", "ابھی"], "۔", false),
    ("de", &["die", "Datei", "wurde", "zu", "100 %", "gespeichert", "jetzt", "nicht"], "!", false),
    ("fr", &["le", "fichier", "est", "enregistré", "à", "100 %", "d’accord", "maintenant"], " ?", false),
    ("es", &["el", "archivo", "se", "guardó", "al", "100 %", "ahora", "aquí"], "…", false),
    ("pt", &["o", "arquivo", "foi", "salvo", "em", "100%", "agora", "aqui"], ".", false),
    ("it", &["il", "file", "è", "salvato", "al", "100%", "dell’anno", "qui"], ".", false),
    ("ru", &["файл", "сохранён", "на", "100 %", "сейчас", "здесь", "не", "и"], ".", false),
    ("uk", &["файл", "збережено", "на", "100 %", "зараз", "тут", "не", "й"], ".", false),
    ("pl", &["plik", "został", "zapisany", "w", "100%", "teraz", "tutaj", "nie"], ".", false),
    ("cs", &["soubor", "byl", "uložen", "na", "100 %", "nyní", "zde", "ne"], ".", false),
    ("sk", &["súbor", "bol", "uložený", "na", "100 %", "teraz", "tu", "nie"], ".", false),
    ("hu", &["a", "fájl", "100%-ban", "mentve", "most", "itt", "nem", "és"], ".", false),
    ("ro", &["fișierul", "a", "fost", "salvat", "100%", "acum", "aici", "nu"], ".", false),
    ("bg", &["файлът", "е", "записан", "на", "100%", "сега", "тук", "не"], ".", false),
    ("el", &["το", "αρχείο", "αποθηκεύτηκε", "100%", "τώρα", "εδώ", "δεν", "και"], "·", false),
    ("tr", &["dosya", "%50'si", "kaydedildi", "şimdi", "burada", "değil", "%100", "ve"], ".", false),
    ("eu", &["fitxategia", "%50", "gorde", "da", "orain", "hemen", "ez", "eta"], ".", false),
    ("fi", &["tiedosto", "tallennettiin", "100 %", "nyt", "täällä", "ei", "ja", "on"], ".", false),
    ("sv", &["filen", "sparades", "till", "100 %", "nu", "här", "inte", "och"], ".", false),
    ("da", &["filen", "blev", "gemt", "100 %", "nu", "her", "ikke", "og"], ".", false),
    ("nl", &["het", "bestand", "is", "voor", "100%", "opgeslagen", "nu", "niet"], ".", false),
    ("lt", &["failas", "išsaugotas", "100 %", "dabar", "čia", "ne", "ir", "yra"], ".", false),
    ("lv", &["fails", "saglabāts", "100 %", "tagad", "šeit", "nav", "un", "ir"], ".", false),
    ("et", &["fail", "salvestati", "100%", "nüüd", "siin", "ei", "ja", "on"], ".", false),
    ("vi", &["tệp", "đã", "được", "lưu", "100%", "bây", "giờ", "không"], ".", false),
    ("id", &["berkas", "telah", "disimpan", "100%", "sekarang", "di", "sini", "tidak"], ".", false),
    ("hi", &["फ़ाइल", "सहेजी", "गई", "100%", "अब", "यहाँ", "नहीं", "और"], "।", false),
    ("bn", &["ফাইল", "সংরক্ষিত", "হয়েছে", "১০০%", "এখন", "এখানে", "না", "এবং"], "।", false),
    ("ta", &["கோப்பு", "சேமிக்கப்பட்டது", "100%", "இப்போது", "இங்கே", "இல்லை", "மற்றும்", "உள்ள"], ".", false),
    ("th", &["ไฟล์", "ถูก", "บันทึก", "แล้ว", "๑๐๐%", "ตอนนี้", "ที่นี่", "ไม่"], "", true),
    ("km", &["ឯកសារ", "ត្រូវ", "បាន", "រក្សាទុក", "១០០%", "ឥឡូវ", "ទីនេះ", "មិន"], "។", true),
    ("my", &["ဖိုင်", "ကို", "သိမ်း", "ပြီး", "၁၀၀%", "ယခု", "ဒီမှာ", "မဟုတ်"], "။", true),
    ("am", &["ፋይሉ", "ተቀምጧል", "100%", "አሁን", "እዚህ", "አይደለም", "እና", "ነው"], "።", false),
];

/// What is to be kept, in all its forms.
const PLACEHOLDERS: [&str; 33] = [
    "{x}",
    "{}",
    "{0}",
    "{1}",
    "{{x}}",
    "{{ user.name }}",
    "{name!r:>10}",
    "{price:.2f}",
    "{$x}",
    "${x}",
    "{% if x %}",
    "%s",
    "%d",
    "%1$s",
    "%2$d",
    "%-5.2f",
    "%05d",
    "%lu",
    "%zu",
    "%@",
    "%(name)s",
    "%(n)05d",
    "%{count}",
    "<b>",
    "</b>",
    "<br/>",
    "<a href=\"https://example.org/a?b=c&d=%20\" class=\"x\">",
    "</a>",
    "https://example.com/a_(b)/c#d",
    "http://a.b/ü",
    "mail.me+x@example.org",
    "<x id=\"1\"/>",
    "{count, plural, one {# file of {dir}} other {# files of {dir}}}",
];

fn only_placeholders() -> Checks {
    Checks { placeholders: true, ..Checks::default() }
}

/// A sentence of a language with these marks, anywhere in it.
fn sentence(random: &mut StdRng, language: usize, marks: &[&str]) -> String {
    let (_, words, end, is_dense) = LANGUAGES[language];
    let mut parts: Vec<&str> =
        (0..random.random_range(1..9)).filter_map(|_| words.choose(random).copied()).collect();
    for mark in marks {
        parts.insert(random.random_range(0..=parts.len()), mark);
    }
    let mut text = String::new();
    for (index, part) in parts.iter().enumerate() {
        // A blank also keeps apart what would be another mark together.
        let glue =
            is_dense && !(part.starts_with(|c: char| c.is_ascii()) && text.ends_with(|c: char| c.is_ascii()));
        if index > 0 && !glue {
            text.push(' ');
        }
        text.push_str(part);
    }
    // A sentence ends with a mark as well as with a word: …%s.
    text + end
}

#[test]
fn what_a_translation_keeps_raises_no_alarm_and_what_it_loses_or_alters_always_does() {
    let mut random = StdRng::seed_from_u64(16);
    let checks = only_placeholders();
    assert_eq!(LANGUAGES.map(|(name, ..)| name).into_iter().collect::<BTreeSet<_>>().len(), 40);
    for round in 0..20_000 {
        let marks: Vec<&str> = (0..random.random_range(1..5))
            .filter_map(|_| PLACEHOLDERS.choose(&mut random).copied())
            .collect();
        let (from, to) = (random.random_range(0..40), round % 40);
        let source = sentence(&mut random, from, &marks);
        let mut reordered = marks.clone();
        reordered.shuffle(&mut random);
        let answer = sentence(&mut random, to, &reordered);
        assert_eq!(checks.failures(&source, &answer), [], "{source:?} is {answer:?}");

        let lost = random.random_range(0..marks.len());
        let altered: String = match random.random_range(0..4) {
            0 => String::new(),
            1 => marks[lost].chars().rev().collect::<String>() + "]",
            2 => marks[lost].chars().map(full_width).collect(),
            _ => {
                let middle = marks[lost].len() / 2;
                format!("{} {}", &marks[lost][..middle], &marks[lost][middle..])
            }
        };
        // A blank inside of braces or of a tag is no alteration.
        if marks[lost].replace(' ', "") == altered.replace(' ', "") && marks[lost].contains(['{', '<']) {
            continue;
        }
        let mut rest = marks.clone();
        rest[lost] = &altered;
        let answer = sentence(&mut random, to, &rest);
        assert!(!checks.failures(&source, &answer).is_empty(), "{source:?} is {answer:?}");
    }
}

/// The form of a sign that keyboards of East Asia have beside the usual one.
fn full_width(c: char) -> char {
    match c {
        '!'..='~' => char::from_u32(c as u32 + 0xfee0).unwrap_or(c),
        other => other,
    }
}

#[test]
fn a_percentage_a_brace_in_prose_and_a_usage_line_are_no_placeholders() {
    for source in [
        "100 % sure",
        "50% sure",
        "50% done",
        "50%discount on all",
        "100%d'accord",
        "%50'si tamam",
        "%50si",
        "a 100% {see below} and {…} and { }?",
        "％s and ｛x｝",
        "100%% sure",
        "%%s",
        "%used and %change",
        "{-h|--help} {none|zlib}",
        "Usage: x [<option>...] <file> <command>",
        "a < b and c > d, 1<2>1",
        "mail <someone> at example.org, or @home",
        "Tom &amp; Jerry &nbsp; &lt;b&gt;",
        "$5, US$ 3, $HOME",
        "%B %-d, %Y at %H:%M",
        "if (x) { y; }",
    ] {
        assert_eq!(only_placeholders().failures(source, "nothing of it"), [], "{source}");
    }
}

#[test]
fn a_translation_may_choose_where_it_may() {
    for (source, answer) in [
        ("%s of %s", "%2$s: %1$s"),
        ("%1$s of %2$d", "%2$d: %1$s"),
        ("{} of {}", "{1}: {0}"),
        ("{0:.1f} of {1}", "{1}: {0:.1f}"),
        ("<a title=\"Help\" href='x'>Help</a><br>", "<A HREF=\"x\" title=\"Hilfe\">Hilfe</A><br />"),
        ("<img alt=\"a cat\" src=\"c.png\">", "<img src=\"c.png\" alt=\"eine Katze\"/>"),
        ("{{ name }} and {{x}}", "{{name}} und {{ x }}"),
        (
            "{n, plural, one {# file} other {# files}}",
            "{n,plural,one{# plik} few{# pliki} many{# plików} other{# pliku}}",
        ),
        ("{n, plural, one {{x} has # file} other {{x} has # files}}", "{n, plural, other {{x} 有 # 个文件}}"),
        ("see https://example.org/a.", "siehe „https://example.org/a“!"),
        ("see (http://example.org).", "请访问http://example.org。"),
        ("mail to me@example.org.", "或me@example.org。"),
        ("%s.", "…%s"),
        ("%d files", "共%d个文件"),
        ("use <b>it</b>", "<b>これ</b>を使う"),
        ("%dx%d, %sMB", "%d×%d, %s Mo"),
    ] {
        assert_eq!(only_placeholders().failures(source, answer), [], "{source} is {answer}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (source, answer, words) in [
        ("%s has {n}", "hat", "`%s` is missing, `{n}` is missing"),
        ("{x} and {x}", "{x} und", "`{x}` is missing 1 of 2 times"),
        ("{x}", "{x} und {x}", "`{x}` is there 2 times instead of 1"),
        ("<b>a</b>", "<b>a", "`</b>` is missing"),
        ("{x} and {{x}}", "und {{x}}", "`{x}` is missing"),
        ("<a href=\"x\">", "<a href=\"y\">", "`<a href=\"x\">` is missing"),
        ("<link>a</link>", "<enlace>a</enlace>", "`</link>` is missing, `<link>` is missing"),
        ("{n, plural, one {a} other {b}}", "{m, plural, other {c}}", "`{n, plural` is missing"),
        ("{n, select, a {{x}} other {}}", "{n, select, other {}}", "`{x}` is missing"),
        ("%-5.2f", "%5.2f", "`%-5.2f` is missing"),
        (
            "{a}{b}{c}{d}{e}{f}{g}",
            "",
            "`{a}` is missing, `{b}` is missing, `{c}` is missing, `{d}` is missing, `{e}` is missing and 2 more",
        ),
    ] {
        let failures = only_placeholders().failures(source, answer);
        assert_eq!(
            failures.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [format!("placeholders: {words}")]
        );
    }
}

#[test]
fn the_checks_in_the_words_of_a_failure_are_found_again() {
    assert_eq!(
        named_in("placeholders: `{x}` is missing; length: 1 characters for 100"),
        ["placeholders", "length"]
    );
    assert_eq!(named_in("keep: `length` is missing"), ["keep"]);
}

#[test]
fn an_answer_that_is_the_source_is_no_translation_unless_that_has_no_words() {
    let checks = Checks { translated: true, keep: vec![Keep::new("ACME").unwrap()], ..Checks::default() };
    let names = |source: &str, answer: &str| {
        checks.failures(source, answer).iter().map(|one| one.name).collect::<Vec<_>>()
    };
    assert_eq!(names("Open the file", " Open the file\n"), ["translated"]);
    assert_eq!(names("文件", "文件"), ["translated"]);
    assert_eq!(names("Open", "Öffnen"), [""; 0]);
    for same in
        ["", "12.50 €", "%s: {name}", "<b>{x}</b> 3", "https://example.org", "ACME 3000", "— … —", "٤٢"]
    {
        assert_eq!(names(same, same), [""; 0], "{same}");
    }
}

#[test]
fn a_length_is_judged_where_it_says_something() {
    let checks = Checks { length: Some(LengthRange::default()), ..Checks::default() };
    let passes =
        |source: usize, answer: usize| checks.failures(&"é".repeat(source), &"ü".repeat(answer)).is_empty();
    assert!(passes(2, 8) && passes(2, 120) && !passes(2, 121), "OK is D'accord, and no explanation");
    assert!(passes(21, 126) && !passes(21, 127));
    assert!(passes(59, 1) && passes(60, 12) && !passes(60, 11));
    let failures = checks.failures(&"x".repeat(100), "y");
    assert_eq!(failures[0].to_string(), "length: 1 characters for 100");
    let narrow = Checks { length: Some(LengthRange { least: 0.9, most: 1.1 }), ..Checks::default() };
    assert!(!narrow.failures(&"x".repeat(100), &"y".repeat(111)).is_empty());
}

#[test]
fn an_expression_of_the_user_is_kept_as_often_as_it_matches() {
    let checks = Checks {
        keep: vec![Keep::new(r"\bACME\b").unwrap(), Keep::new(r"SKU-\d+").unwrap()],
        ..Checks::default()
    };
    let words =
        |source, answer| checks.failures(source, answer).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(words("ACME sells SKU-12 and SKU-9", "SKU-9とSKU-12、ACMEです"), [""; 0]);
    assert_eq!(words("ACME sells SKU-12", "Acme verkauft"), ["keep: `ACME` is missing, `SKU-12` is missing"]);
    assert_eq!(words("ACME", "ACME ACME"), ["keep: `ACME` is there 2 times instead of 1"]);
    assert_eq!(Keep::new("(").unwrap_err(), "unclosed group");
    assert!(Keep::new("x*").is_err(), "it matches nothing, which is everywhere");
}
