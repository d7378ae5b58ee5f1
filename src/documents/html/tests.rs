//! Pages as they are found.

use super::*;

fn of(html: &str) -> ReadDocument {
    read(html.as_bytes(), None).expect("a page")
}

#[test]
fn all_visible_text_is_read_and_nothing_else() {
    let page = of("<!doctype html><html><head><title> Terms \n of use </title><style>p{color:red}</style></head><body>
        <nav><a href='/'>Home</a></nav><header>Big Shop</header>
        <script>alert('no')</script><noscript>Enable it</noscript><template><p>later</p></template>
        <svg><title>icon</title><text>drawn</text></svg>
        <h1>Terms</h1><p>We <b>deliver</b> on <i>Mondays</i>.</p><p hidden>secret</p><div style='DISPLAY : none'>gone</div>
        <ul><li>one</li><li>two</li></ul>
        <table><tr><th>Item</th><th>Price</th></tr><tr><td>Lamp</td><td>12</td></tr></table>
        <footer>Imprint</footer></body></html>");
    assert_eq!(page.title.as_deref(), Some("Terms of use"));
    for seen in [
        "[Home](/)",
        "Big Shop",
        "# Terms",
        "We **deliver** on *Mondays*.",
        "- one\n- two",
        "| Lamp",
        "Imprint",
    ] {
        assert!(page.text.contains(seen), "{seen}: {}", page.text);
    }
    for unseen in ["alert", "Enable", "later", "drawn", "icon", "secret", "gone", "color", "Terms of use"] {
        assert!(!page.text.contains(unseen), "{unseen}: {}", page.text);
    }
}

#[test]
fn a_page_is_in_the_encoding_that_it_names() {
    let body = "合同应当以书面形式订立";
    let (bytes, _, _) = encoding_rs::GBK.encode(body);
    for head in ["<meta charset=gb2312>", "<META http-equiv='Content-Type' content='text/html; charset=GBK'>"]
    {
        let page = [head.as_bytes(), b"<p>", &bytes].concat();
        let page = read(&page, None).expect("a page");
        assert_eq!((page.text.trim(), page.encoding.as_deref()), (body, Some("gbk")));
        assert!(page.warnings.is_empty());
        let saved = of(&format!("{head}<p>{body}"));
        assert_eq!(saved.text.trim(), body, "an editor has saved it as UTF-8");
    }
    let page = [b"<?xml version='1.0' encoding='gbk'?><html><p>".as_slice(), &bytes].concat();
    assert_eq!(read(&page, None).expect("a page").text.trim(), body);
    let page = [b"<meta charset=utf-8><p>".as_slice(), &bytes].concat();
    assert_eq!(read(&page, Some("gbk")).expect("a page").text.trim(), body, "the user knows better");
}

#[test]
fn images_in_the_text_do_not_fill_it() {
    let page =
        of(&format!("<p>see <img alt='the plan' src='data:image/png;base64,{}'> here", "A".repeat(5000)));
    assert!(page.text.contains("the plan") && page.text.len() < 100, "{}", page.text);
}

#[test]
fn a_page_without_visible_text_is_empty() {
    for page in ["<html><body><script>draw()</script></body></html>", "<p>&nbsp; \n</p>"] {
        assert_eq!(read(page.as_bytes(), None).expect_err("nothing").code(), "empty");
    }
}
