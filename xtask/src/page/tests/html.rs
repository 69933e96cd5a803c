//! Reads a page as a browser does, and stricter: what a browser would mend is an error.

use std::collections::{BTreeMap, BTreeSet};

use html5gum::{DefaultEmitter, Token, Tokenizer};

/// An element with all the text in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) text: String,
}

/// Elements without content, which are not closed.
const VOID: [&str; 8] = ["area", "br", "hr", "img", "input", "link", "meta", "wbr"];

/// All elements, in the order in which they end.
///
/// # Panics
/// If the page is not well-formed.
pub(super) fn elements(page: &str) -> Vec<Element> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let (mut open, mut all): (Vec<Element>, Vec<Element>) = (Vec::new(), Vec::new());
    for token in Tokenizer::new_with_emitter(page, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => {
                let attributes =
                    tag.attributes.iter().map(|(name, value)| (text(name), text(value))).collect();
                let element = Element { name: text(&tag.name), attributes, text: String::new() };
                let ends = tag.self_closing || VOID.contains(&&*element.name);
                if ends { all.push(element) } else { open.push(element) }
            }
            Token::EndTag(tag) => {
                let element = open.pop().expect("an element to close");
                assert_eq!(element.name, text(&tag.name), "{}", element.text);
                if let Some(parent) = open.last_mut() {
                    parent.text += &element.text;
                }
                all.push(element);
            }
            Token::String(string) => {
                let string = text(&string);
                match open.last_mut() {
                    Some(element) => element.text += &string,
                    None => assert!(string.trim().is_empty(), "outside of everything: {string}"),
                }
            }
            Token::Doctype(doctype) => assert!(all.is_empty() && open.is_empty() && !doctype.force_quirks),
            Token::Comment(comment) => panic!("a comment: {comment:?}"),
            Token::Error(error) => panic!("{:?} after {:?}", *error, all.last()),
        }
    }
    assert!(open.is_empty(), "not closed: {open:?}");
    all
}

/// Panics if the page needs anything but itself, runs anything, or links to a place that is not there.
pub(super) fn self_contained(all: &[Element]) {
    let ids: Vec<&String> = all.iter().filter_map(|element| element.attributes.get("id")).collect();
    let places: BTreeSet<&str> = ids.iter().map(|id| id.as_str()).collect();
    assert_eq!(places.len(), ids.len(), "two places of one name");
    for element in all {
        let name = &*element.name;
        // What is known to load nothing. (`link` and `meta` are looked at below.)
        let known = [
            "a",
            "body",
            "circle",
            "code",
            "dd",
            "details",
            "div",
            "dl",
            "dt",
            "figcaption",
            "figure",
            "h1",
            "h2",
            "head",
            "header",
            "html",
            "i",
            "img",
            "li",
            "line",
            "link",
            "main",
            "meta",
            "nav",
            "ol",
            "p",
            "path",
            "polygon",
            "polyline",
            "pre",
            "rect",
            "section",
            "span",
            "style",
            "summary",
            "svg",
            "table",
            "tbody",
            "td",
            "text",
            "th",
            "thead",
            "title",
            "tr",
            "ul",
        ];
        assert!(known.contains(&name), "<{name}>");
        for (attribute, value) in &element.attributes {
            let fine = match &**attribute {
                "href" if name == "link" => value == "data:,",
                "href" => value.strip_prefix('#').is_some_and(|place| places.contains(place)),
                "src" => value.starts_with("data:image/png;base64,"),
                "style" => style_is_own(value),
                "http-equiv" => value == "Content-Security-Policy",
                "xmlns" => value == "http://www.w3.org/2000/svg",
                "srcset" | "action" | "formaction" | "poster" | "background" | "ping" | "data" | "cite" => {
                    false
                }
                other => !other.starts_with("on") && !other.contains(':'),
            };
            assert!(fine, "<{name} {attribute}={value:?}>");
        }
        assert!(name != "style" || style_is_own(&element.text), "the style sheet loads something");
    }
}

fn style_is_own(style: &str) -> bool {
    !["url(", "@import", "image-set(", "src(", "expression("].iter().any(|loads| style.contains(loads))
}
