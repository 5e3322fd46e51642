use proptest::prelude::*;

use super::*;

fn query(text: &str) -> JobQuery {
    text.parse().unwrap()
}

fn complaint(text: &str) -> String {
    text.parse::<JobQuery>().unwrap_err().to_string()
}

#[test]
fn qualifiers_quotes_lists_and_free_words_are_told_apart() {
    let query =
        query(r#"state:dead,pending tag:STORE* -model:"Surface Go" user:@contoso.com 0924"#);
    assert_eq!(
        query.terms[0].condition,
        JobCondition::State(vec![JobState::Dead, JobState::Pending])
    );
    assert_eq!(
        query.terms[2],
        JobTerm {
            negated: true,
            condition: JobCondition::Text(JobText::Model, vec![Pattern::exactly("surface go")]),
        }
    );
    let JobCondition::Text(JobText::User, patterns) = &query.terms[3].condition else {
        panic!("{query}");
    };
    assert_eq!(patterns[0].as_domain(), Some("@contoso.com"));
    assert_eq!(
        query.terms[4].condition,
        JobCondition::Free("0924".to_owned())
    );
    assert_eq!(
        query.to_string(),
        r#"state:dead,pending tag:store* -model:"surface go" user:*@contoso.com 0924"#
    );
}

#[test]
fn a_text_with_a_colon_in_quotes_is_looked_for_as_it_is() {
    let free = |text: &str| JobQuery::default().and(JobCondition::Free(text.to_owned()));
    assert_eq!(query(r#""56:4d""#), free("56:4d"));
    assert_eq!(query(r#""a \"b\" \\""#), free(r#"a "b" \"#));
}

#[test]
fn stars_in_quotes_are_stars_and_none_stands_for_an_empty_text() {
    let tag = |pattern| JobQuery::default().and(JobCondition::Text(JobText::Tag, vec![pattern]));
    assert_eq!(query("tag:\"a*\""), tag(Pattern::exactly("a*")));
    assert_eq!(query("tag:(none)"), tag(Pattern::exactly("")));
    assert_eq!(query("tag:\"(none)\""), tag(Pattern::exactly("(none)")));
    assert_eq!(Pattern::new(r"50%_\*x?").as_like(), r"50\%\_\\%x_");
}

#[test]
fn a_pattern_fits_whole_texts_without_regard_to_case() {
    for (pattern, text, fits) in [
        ("store*", "STORE-1", true),
        ("store", "STORE-1", false),
        ("*o*e-?", "STORE-1", true),
        ("*o*e-??", "STORE-1", false),
        ("*ab*ab", "ababxab", true),
        ("**", "", true),
        ("?", "", false),
    ] {
        assert_eq!(Pattern::new(pattern).fits(text), fits, "{pattern} {text}");
    }
}

#[test]
fn a_number_behind_a_hash_is_a_job() {
    let job = JobQuery::default().and(JobCondition::Job(JobId(4711)));
    assert_eq!(query("#4711"), job);
    assert_eq!(query("job:4711"), job);
}

#[test]
fn what_cannot_be_understood_names_what_would_have_been() {
    assert_eq!(
        complaint("stat:dead"),
        "`stat:` is no qualifier; known are state, reason, tag, model, user, serial, campaign, \
         tenant, verification, without, device, job. A text with a colon goes in quotes"
    );
    assert_eq!(
        complaint("state:gone"),
        "`gone` is no job state; known are pending, queued, running, succeeded, dead, cancelled, \
         skipped"
    );
    assert_eq!(complaint("job:x"), "`x` is no job's number");
    assert_eq!(
        complaint("tag:a,"),
        "after `tag:` a value is missing; (none) stands for an empty one"
    );
    assert_eq!(
        complaint("tag:\"a"),
        "a quotation mark has no other that ends it"
    );
    assert_eq!(complaint("\"\""), "a text to look for is empty");
}

proptest! {
    #[test]
    fn any_search_that_is_understood_reads_back_as_what_it_was(
        text in r#"((-?(state:dead|tag:|user:|serial:|reason:|campaign:|tenant:|device:)?[a-zA-Z0-9@*?,.:"\\ %_äß-]{0,12}) ){0,4}"#
    ) {
        let Ok(query) = text.parse::<JobQuery>() else { return Ok(()) };
        let written = query.to_string();
        prop_assert_eq!(written.parse::<JobQuery>().unwrap(), query, "{}", written);
    }
}
