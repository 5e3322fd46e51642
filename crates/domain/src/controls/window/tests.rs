//! Windows over nights, and over the nights in which clocks change.

use proptest::prelude::*;

use super::*;

fn windows(text: &str) -> Windows {
    text.parse().unwrap()
}

fn berlin() -> Zone {
    "Europe/Berlin".parse().unwrap()
}

fn at(local: &str) -> Timestamp {
    super::super::moment_in(&berlin(), local, Timestamp::from_millis(0)).unwrap()
}

/// When the windows open and close in the hours after a local time, in UTC.
fn changes(text: &str, from: &str, count: usize) -> Vec<String> {
    let (windows, zone) = (windows(text), berlin());
    let mut now = at(from);
    let mut changes = Vec::new();
    for _ in 0..count {
        now = windows.next_change(&zone, now).unwrap();
        let word = if windows.are_open(&zone, now) {
            "opens"
        } else {
            "closes"
        };
        let moment = now.to_string();
        changes.push(format!("{word} {}", &moment[5..16]));
    }
    changes
}

#[test]
fn a_window_reads_back_as_it_is_said() {
    for (text, said) in [
        ("Mon-Fri 20:00-06:00", "Mon-Fri 20:00-06:00"),
        (
            "mon-fri 20:00-6:00; sat , Sunday 0:00-24:00",
            "Mon-Fri 20:00-06:00; Sat-Sun 00:00-24:00",
        ),
        (
            "Fri-Mon 22:00-23:30,12:00-13:00",
            "Mon,Fri-Sun 22:00-23:30; 12:00-13:00",
        ),
        ("Mon-Sun 01:00:30-02:00", "01:00:30-02:00"),
        ("Wednesday 01:00-02:00", "Wed 01:00-02:00"),
    ] {
        assert_eq!(windows(text).to_string(), said);
        assert_eq!(windows(said), windows(text));
    }
    for bad in [
        "",
        "Mon",
        "Mon-Fri",
        "20:00",
        "20:00-20:00",
        "24:00-06:00",
        "20:00-25:00",
        "Mo 20:00-21:00",
        "Mond-Frid 20:00-x",
        "20:60-21:00",
        "20:00-06:00,",
        "20-06",
        "Tuex 20:00-21:00",
        "20:00-06:00 Mon",
    ] {
        assert!(bad.parse::<Windows>().is_err(), "{bad}");
    }
}

#[test]
fn a_night_belongs_to_the_day_on_which_it_began() {
    // A Friday.
    assert_eq!(
        changes("Mon-Fri 20:00-06:00", "2026-11-27 12:00", 4),
        [
            "opens 11-27T19:00",
            "closes 11-28T05:00",
            "opens 11-30T19:00",
            "closes 12-01T05:00"
        ]
    );
}

#[test]
fn the_night_in_which_clocks_go_forward_is_an_hour_shorter() {
    assert_eq!(
        changes("20:00-06:00", "2026-03-28 12:00", 2),
        ["opens 03-28T19:00", "closes 03-29T04:00"]
    );
    // What would begin in the hour that is not there begins after it; what would end in it ends before.
    assert_eq!(
        changes("02:30-04:00", "2026-03-29 00:00", 2),
        ["opens 03-29T01:00", "closes 03-29T02:00"]
    );
    assert_eq!(
        changes("01:00-02:30", "2026-03-29 00:00", 2),
        ["opens 03-29T00:00", "closes 03-29T01:00"]
    );
    // And what would lie within it is left out.
    assert_eq!(
        changes("Sun 02:10-02:50", "2026-03-28 12:00", 1),
        ["opens 04-05T00:10"]
    );
}

#[test]
fn the_night_in_which_clocks_go_back_is_an_hour_longer() {
    assert_eq!(
        changes("20:00-06:00", "2026-10-24 12:00", 2),
        ["opens 10-24T18:00", "closes 10-25T05:00"]
    );
    // The clocks show what lies within the hour that comes twice twice.
    assert_eq!(
        changes("Sun 02:10-02:50", "2026-10-25 00:00", 4),
        [
            "opens 10-25T00:10",
            "closes 10-25T00:50",
            "opens 10-25T01:10",
            "closes 10-25T01:50"
        ]
    );
}

#[test]
fn what_never_closes_has_no_change() {
    assert_eq!(
        windows("00:00-24:00").next_change(&berlin(), at("2026-01-01")),
        None
    );
    assert!(Windows::default().are_open(&berlin(), at("2026-01-01")));
    assert_eq!(
        Windows::default().next_change(&berlin(), at("2026-01-01")),
        None
    );
}

const ZONES: &[&str] = &[
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "Pacific/Chatham",
    "America/St_Johns",
];

/// Windows as their text and, minute by minute, which of a week's wall clock times they hold.
fn any_windows() -> impl Strategy<Value = (String, Vec<bool>)> {
    let window = (1_u8..128, 0_u32..1_440, 0_u32..=1_440)
        .prop_filter("times differ", |(_, opens, closes)| opens != closes);
    proptest::collection::vec(window, 1..4).prop_map(|windows| {
        let mut open = vec![false; 7 * 1_440];
        let mut texts = Vec::new();
        for (days, opens, closes) in windows {
            let named: Vec<&str> = (0..7)
                .filter(|day| days & (1 << day) != 0)
                .map(|day| DAYS_SHOWN[day])
                .collect();
            texts.push(format!(
                "{} {:02}:{:02}-{:02}:{:02}",
                named.join(","),
                opens / 60,
                opens % 60,
                closes / 60,
                closes % 60
            ));
            let length = (closes + 1_440 - opens - 1) % 1_440 + 1;
            for day in (0..7_u32).filter(|day| days & (1 << day) != 0) {
                for minute in day * 1_440 + opens..day * 1_440 + opens + length {
                    open[minute as usize % (7 * 1_440)] = true;
                }
            }
        }
        (texts.join(";"), open)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Against a scan of the wall clock, minute by minute, over two weeks around a change of clocks.
    #[test]
    fn windows_open_and_close_when_the_clocks_on_the_wall_say_so(
        (text, open) in any_windows(),
        zone in proptest::sample::select(ZONES),
        turn in 0_usize..4,
        start in -10_000_i64..10_000,
    ) {
        let (windows, zone): (Windows, Zone) = (text.parse().unwrap(), zone.parse().unwrap());
        let new_year = jiff::Timestamp::from_second(1_767_225_600).unwrap();
        let around = zone.rules.following(new_year).nth(turn).map_or(new_year, |turn| turn.timestamp());
        let start = Timestamp::from_millis((around.as_second() / 60 + start) * 60_000);
        let minute = Duration::from_mins(1);
        let shown = |at: Timestamp| {
            let zoned = jiff::Timestamp::from_millisecond(at.as_millis()).unwrap();
            let zoned = zone.rules.to_datetime(zoned);
            let day = usize::try_from(zoned.weekday().to_monday_zero_offset()).unwrap();
            let of_day = usize::try_from(zoned.hour()).unwrap() * 60 + usize::try_from(zoned.minute()).unwrap();
            open[day * 1_440 + of_day]
        };
        let mut now = start;
        let mut next = windows.next_change(&zone, now);
        let mut before = windows.are_open(&zone, now);
        prop_assert_eq!(before, shown(now));
        for _ in 0..14 * 1_440 {
            now = now.after(minute);
            let is_open = shown(now);
            if is_open == before {
                prop_assert!(next.is_none_or(|next| next > now), "{} in {} at {}", &text, &zone, now);
            } else {
                prop_assert_eq!(next, Some(now), "{} in {}", &text, &zone);
                next = windows.next_change(&zone, now);
            }
            before = is_open;
        }
    }
}

#[test]
fn dashes_of_word_processors_and_short_hours_are_read() {
    for text in [
        "Mon-Fri 20:00\u{2013}06:00",
        "Mon\u{2013}Fri 20:00\u{a0}\u{2014} 06:00",
        "Mon-Fri 20:00-6:00",
    ] {
        let windows: Windows = text.parse().unwrap();
        assert_eq!(windows.to_string(), "Mon-Fri 20:00-06:00", "{text}");
    }
    let error = "Mon-Fri 8pm-6am"
        .parse::<Windows>()
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`8pm-6am`: times are 00:00 to 24:00"),
        "{error}"
    );
    let error = "Mo-Fr 20:00-06:00"
        .parse::<Windows>()
        .unwrap_err()
        .to_string();
    assert!(error.contains("`Mo-Fr`: days are Mon to Sun"), "{error}");
}
