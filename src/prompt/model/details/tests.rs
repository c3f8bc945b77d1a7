use super::*;
use crate::prompt::model::catalogue::catalogue;

fn details(list: &[(&str, &str)]) -> Details {
    list.iter().map(|(name, value)| ((*name).to_owned(), DetailValue::Text((*value).to_owned()))).collect()
}

fn fragments(event_type: &str, list: &[(&str, &str)]) -> Result<Vec<String>, Vec<DetailError>> {
    event_form(event_type).unwrap().check(&details(list), None, None).map(|wishes| wishes.fragments)
}

#[test]
fn all_24_types_publish_the_specified_fields_and_compose_them_all() {
    let special = |event_type: &str| match event_type {
        "BIRTHDAY_PARTY" => "age! theme venue guests activities decorations",
        "WEDDING" => "style! colors venue season guests elements",
        "CORPORATE_EVENT" => "eventType! industry attendees venue formality branding",
        "HOLIDAY_CELEBRATION" => "holiday! type description region context venue people traditions decorations",
        "CONCERT" => "genre! venue crowd lighting performance atmosphere",
        "SPORTS_EVENT" => "sport! venue colors crowd eventType weather",
        "NIGHTLIFE" => "venue music crowd lighting features dresscode",
        "OTHER" => "occasion venue atmosphere activities decorations",
        _ => "venue atmosphere activities decorations",
    };
    let mut types = 0;
    for prompt in catalogue().filter(|prompt| prompt.category == Category::EventType) {
        let form = event_form(prompt.key).unwrap();
        let shown: Vec<String> = form
            .fields
            .iter()
            .map(|field| format!("{}{}", field.name, if field.required { "!" } else { "" }))
            .collect();
        assert_eq!(shown.join(" "), special(prompt.key));
        let values: Details = form
            .fields
            .iter()
            .enumerate()
            .map(|(at, field)| match field.kind {
                FieldKind::Integer { max, .. } => (field.name.to_owned(), DetailValue::Integer(max)),
                FieldKind::Text { .. } => (field.name.to_owned(), DetailValue::Text(format!("value{at}"))),
            })
            .collect();
        let worded = form.check(&values, None, None).unwrap().fragments;
        assert_eq!(worded.len(), form.fields.len(), "{}", prompt.key);
        for field in form.fields {
            for option in field.options {
                let text = DetailValue::Text((*option).to_owned());
                assert_eq!(field.read(Some(&text)).unwrap().as_deref(), Some(*option));
            }
        }
        types += 1;
    }
    assert_eq!(types, 24);
}

#[test]
fn words_every_kind_of_field() {
    assert_eq!(
        fragments(
            "BIRTHDAY_PARTY",
            &[
                ("age", " 21 "),
                ("theme", "space"),
                ("venue", "the barn."),
                ("guests", "50"),
                ("activities", "dancing, games,"),
                ("decorations", "lanterns")
            ]
        ),
        Ok(["21st birthday", "space theme", "at the barn", "50 guests", "featuring dancing, games", "with lanterns"]
            .map(str::to_owned)
            .to_vec())
    );
    assert_eq!(
        fragments(
            "HOLIDAY_CELEBRATION",
            &[
                ("holiday", "Diwali"),
                ("type", "religious"),
                ("description", "festival of lights"),
                ("region", "Gujarati"),
                ("context", "public HOLIDAY"),
                ("people", "12"),
                ("traditions", "rangoli")
            ]
        ),
        Ok([
            "Diwali celebration",
            "religious holiday",
            "festival of lights",
            "Gujarati customs",
            "12 people",
            "rangoli traditions"
        ]
        .map(str::to_owned)
        .to_vec())
    );
    assert_eq!(
        fragments("corporate_event", &[("eventType", "gala"), ("formality", "formal"), ("attendees", "200")]),
        Ok(["gala", "200 attendees", "formal tone"].map(str::to_owned).to_vec())
    );
    assert_eq!(
        fragments("NIGHTLIFE", &[("features", "a rooftop"), ("dresscode", "all white"), ("music", "techno")]),
        Ok(["techno music", "featuring a rooftop", "all white dress code"].map(str::to_owned).to_vec())
    );
    assert_eq!(fragments("CONCERT", &[("genre", "{event}")]), Ok(vec!["{event} music".to_owned()]));
    assert_eq!(fragments("OTHER", &[("occasion", "harvest"), ("venue", " ,")]), Ok(vec!["harvest".to_owned()]));
}

#[test]
fn counts_in_ordinals() {
    for (number, want) in
        ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "111th", "121st", "130th", "22nd"]
            .map(|want| (want.trim_end_matches(char::is_alphabetic), want))
    {
        assert_eq!(ordinal(number), want);
    }
}

#[test]
fn refuses_with_field_and_limit_at_the_edges() {
    let invalid = |field, limit: &str| Err(vec![DetailError::DetailInvalid { field, limit: limit.to_owned() }]);
    let age = "a whole number 1\u{2013}130";
    for (value, ok) in [("1", true), ("130", true), ("0", false), ("131", false), ("x", false), ("1.5", false)] {
        let result = fragments("BIRTHDAY_PARTY", &[("age", value)]);
        assert_eq!(result.is_ok(), ok, "{value}");
        if !ok {
            assert_eq!(result, invalid("age", age));
        }
    }
    let guests = |value| fragments("WEDDING", &[("style", "classic"), ("guests", value)]);
    assert!(guests("1000000").is_ok());
    assert_eq!(guests("1000001"), invalid("guests", "a whole number 1\u{2013}1000000"));
    let venue = |value: &str| fragments("BBQ", &[("venue", value)]);
    assert!(venue(&"\u{e9}".repeat(120)).is_ok());
    assert_eq!(venue(&"\u{e9}".repeat(121)), invalid("venue", "a text of at most 120 characters"));
    let other: Details = [("venue".to_owned(), DetailValue::Other)].into();
    assert!(event_form("BBQ").unwrap().check(&other, None, None).is_err());
}

#[test]
fn refuses_everything_wrong_at_once() {
    let form = event_form("birthday_party").unwrap();
    let errors =
        form.check(&details(&[("guests", "0"), ("planet", "Mars"), ("age", " ")]), Some(&"x".repeat(81)), None);
    let errors = errors.unwrap_err();
    let shown: Vec<_> = errors.iter().map(|error| (error.code(), error.field())).collect();
    assert_eq!(
        shown,
        [
            ("DETAIL_REQUIRED", "age"),
            ("DETAIL_INVALID", "guests"),
            ("UNKNOWN_DETAIL", "planet"),
            ("DETAIL_INVALID", "text")
        ]
    );
    assert_eq!(errors[1].to_string(), "guests must be a whole number 1\u{2013}1000000. Change it.");
    assert!(event_form("MARS_PARTY").is_none());
}

#[test]
fn takes_text_and_own_style_within_limits() {
    let form = event_form("BBQ").unwrap();
    let wishes = form.check(&Details::new(), Some(" Hi\n\"you\" "), Some(" \t")).unwrap();
    assert_eq!((wishes.text.as_deref(), wishes.custom_style), (Some("Hi 'you'"), None));
    assert!(form.check(&Details::new(), Some(&"x".repeat(80)), Some(&"y".repeat(300))).is_ok());
    assert!(form.check(&Details::new(), None, Some(&"y".repeat(301))).is_err());
}

#[test]
fn names_event_types_in_words() {
    for (key, name) in
        [("GARDEN_GALA", "Garden Gala"), ("bbq", "BBQ"), ("late show", "Late Show"), ("DJ night", "DJ Night")]
    {
        assert_eq!(event_name(&PromptKey::lenient(key)), name);
    }
    assert_eq!(general_form(&PromptKey::lenient("GARDEN_GALA")).fields.len(), 4);
}
