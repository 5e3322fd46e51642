//! Who is told what happened, and the report of it.

use std::fmt::Write as _;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

#[cfg(unix)]
use e2e::MailServer;
use e2e::{Bench, ended, kill};
use repilot_graph_sim::{Fault, Fleet, Scenario};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::PROGRAM;

/// A request that a receiver got: its head, in lower case, and its body.
type Got = (String, String);

/// Somebody who takes messages, after having refused the first ones.
struct Receiver {
    url: String,
    got: Arc<Mutex<Vec<Got>>>,
    more: Arc<Notify>,
}

impl Receiver {
    async fn start(refusing: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook/s3cret", listener.local_addr().unwrap());
        let got = Arc::new(Mutex::new(Vec::new()));
        let more = Arc::new(Notify::new());
        let (seen, told) = (Arc::clone(&got), Arc::clone(&more));
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (seen, told) = (Arc::clone(&seen), Arc::clone(&told));
                tokio::spawn(async move {
                    while let Some(request) = read(&mut stream).await {
                        let number = {
                            let mut seen = seen.lock().unwrap();
                            seen.push(request);
                            seen.len()
                        };
                        let status = if number <= refusing { 503 } else { 200 };
                        let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n");
                        if stream.write_all(answer.as_bytes()).await.is_err() {
                            return;
                        }
                        told.notify_one();
                    }
                });
            }
        });
        Self { url, got, more }
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    async fn until(&self, count: usize) {
        while self.got().len() < count {
            self.more.notified().await;
        }
    }
}

async fn read(stream: &mut tokio::net::TcpStream) -> Option<Got> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_lowercase();
            let length = header(&head, "content-length")?.parse::<usize>().ok()?;
            if body.len() >= length {
                return Some((head, body.to_owned()));
            }
        }
        let read = stream.read(&mut buffer).await.ok()?;
        if read == 0 {
            return None;
        }
        bytes.extend_from_slice(&buffer[..read]);
    }
}

fn header(head: &str, name: &str) -> Option<String> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    let (_, value) = lines.find(|(known, _)| *known == name)?;
    Some(value.to_owned())
}

fn settings(bench: &Bench, receiver: &Receiver, more: &str) {
    let settings = format!(
        "[notify.webhooks.desk]\nurl_file = \"url.txt\"\nsecret_env = \"DESK_SECRET\"\n{more}"
    );
    bench.write("url.txt", format!("{}\n", receiver.url));
    bench.write("repilot.toml", settings);
}

fn with_secret(bench: &Bench, arguments: &[&str]) -> tokio::process::Command {
    let mut command = bench.command(arguments);
    command
        .env("DESK_SECRET", "pepper")
        .env("REPILOT_LOG", "trace");
    command
}

#[tokio::test]
async fn a_message_that_is_refused_at_first_arrives_signed_and_under_one_id() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 5).await;
    let receiver = Receiver::start(2).await;
    settings(&bench, &receiver, "");
    let run = ["run", "devices.txt", "--campaign", "c", "--yes"];
    let ran = ended(with_secret(&bench, &run).spawn().unwrap()).await;
    let ran = ran.expect(0);
    let got = receiver.got();
    assert_eq!(got.len(), 3, "{got:?}");
    let ids: Vec<_> = got
        .iter()
        .map(|(head, _)| header(head, "idempotency-key"))
        .collect();
    assert!(
        ids[0].is_some() && ids.iter().all(|id| *id == ids[0]),
        "{ids:?}"
    );
    let (head, body) = &got[2];
    let message: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(message["event"], "ended");
    assert_eq!(Some(message["id"].as_str().unwrap().to_owned()), ids[0]);
    assert_eq!(message["campaign"]["succeeded"], 5);
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"pepper");
    let signed = format!("{}.{body}", header(head, "x-repilot-timestamp").unwrap());
    let tag = ring::hmac::sign(&key, signed.as_bytes());
    let mut hex = String::new();
    for byte in tag.as_ref() {
        write!(hex, "{byte:02x}").unwrap();
    }
    assert_eq!(
        header(head, "x-repilot-signature"),
        Some(format!("v1={hex}"))
    );
    // The drain did not wait, and nothing of it shows.
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert!(said.contains("did not arrive"), "{said}");
    for secret in ["s3cret", "pepper"] {
        assert!(!said.contains(secret), "{said}");
    }
    let shown = bench.run(&["config", "show"]).await.expect(0);
    assert!(!shown.stdout.contains("s3cret"), "{shown:?}");
}

#[tokio::test]
async fn several_workers_tell_it_once_and_what_nobody_could_send_the_next_one_does() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 5).await;
    let receiver = Receiver::start(0).await;
    settings(&bench, &receiver, "events = [\"paused\", \"ended\"]\n");
    // Nobody reads what they say: they would wait for whoever does.
    let worker = || {
        let mut command = with_secret(&bench, &["worker"]);
        command.stderr(Stdio::null()).spawn().unwrap()
    };
    // Known from now on.
    let early = worker();
    let known = || async {
        let check = with_secret(&bench, &["check", "--json"]).spawn().unwrap();
        ended(check).await.stdout.contains("everything is told")
    };
    while !known().await {}
    kill(early).await;
    let enqueue = ["enqueue", "devices.txt", "--campaign", "c", "--yes"];
    bench.run(&enqueue).await.expect(0);
    let pause = ["campaign", "pause", "c", "--reason", "lunch"];
    bench.run(&pause).await.expect(0);
    assert!(receiver.got().is_empty(), "nobody was there to tell it");
    let workers = [worker(), worker()];
    receiver.until(1).await;
    bench.run(&["campaign", "resume", "c"]).await.expect(0);
    receiver.until(2).await;
    for worker in workers {
        kill(worker).await;
    }
    let events: Vec<String> = receiver
        .got()
        .iter()
        .filter_map(|(head, _)| header(head, "x-repilot-event"))
        .collect();
    assert_eq!(events, ["paused", "ended"]);
    let (_, paused) = &receiver.got()[0];
    assert!(paused.contains("lunch"), "{paused}");
}

#[tokio::test]
async fn a_destination_that_never_answers_holds_up_no_other() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 5).await;
    let receiver = Receiver::start(0).await;
    // Takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hook = format!("http://{}/hook", silent.local_addr().unwrap());
    // By its name it is told first.
    settings(
        &bench,
        &receiver,
        &format!("[notify.webhooks.a-silent]\nurl = \"{hook}\"\n"),
    );
    let enqueue = ["enqueue", "devices.txt", "--campaign", "c", "--yes"];
    bench.run(&enqueue).await.expect(0);
    let mut command = with_secret(&bench, &["worker"]);
    let worker = command.stderr(Stdio::null()).spawn().unwrap();
    let (mut held, _) = silent.accept().await.unwrap();
    read(&mut held).await.unwrap();
    let given_up = tokio::select! {
        () = receiver.until(1) => false,
        // The message's time limit passed.
        _ = held.read_u8() => true,
    };
    assert!(!given_up, "the other waited for this one");
    kill(worker).await;
}

#[cfg(unix)]
#[tokio::test]
async fn a_command_gets_the_message_on_standard_input_and_no_secret() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 2).await;
    let out = bench.path("told.txt");
    let script = format!("cat > {0}; env >> {0}", out.display());
    bench.write(
        "repilot.toml",
        format!("[notify.commands.pager]\ncommand = [\"/bin/sh\", \"-c\", \"{script}\"]\n"),
    );
    let tested = bench.run(&["notify", "test"]).await.expect(0);
    assert!(tested.stdout.contains("ok    pager"), "{tested:?}");
    let told = std::fs::read_to_string(&out).unwrap();
    assert!(told.contains("\"event\":\"test\""), "{told}");
    assert!(!told.contains("REPILOT_"), "{told}");
    bench.write(
        "repilot.toml",
        "[notify.commands.pager]\ncommand = [\"/nowhere\"]\n",
    );
    let tested = bench.run(&["notify", "test", "pager"]).await.expect(1);
    assert!(
        tested.stdout.contains("cannot start `/nowhere`"),
        "{tested:?}"
    );
}

#[tokio::test]
async fn a_check_says_what_is_wrong_with_a_destination_and_shows_no_address() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 1).await;
    for (settings, said) in [
        (
            "[notify.webhooks.a]\nurl = \"http://hooks.example/s3cret\"\n",
            "use https",
        ),
        (
            "[notify.webhooks.a]\nurl_env = \"NOBODY_SET_THIS\"\n",
            "which is not set",
        ),
        ("[notify.webhooks.a]\n", "says of no address"),
        ("[notify.commands.a]\ncommand = []\n", "names no program"),
    ] {
        bench.write("repilot.toml", settings);
        let checked = bench.run(&["check"]).await.expect(1);
        assert!(checked.stdout.contains(said), "{settings}: {checked:?}");
        let all = format!("{}{}", checked.stdout, checked.stderr);
        assert!(!all.contains("s3cret"), "{all}");
    }
    let dead_end = "[notify.webhooks.a]\nurl = \"http://127.0.0.1:1/s3cret\"\n";
    bench.write("repilot.toml", dead_end);
    let tested = bench.run(&["notify", "test"]).await.expect(1);
    assert!(tested.stdout.contains("cannot be reached"), "{tested:?}");
    assert!(!tested.stdout.contains("s3cret"), "{tested:?}");
}

#[tokio::test]
async fn a_report_says_what_was_planned_what_happened_and_who_did_it() {
    let of = |pattern: &str, status| Fault {
        serial: Some(pattern.to_owned()),
        ..Fault::status(status, 1.0)
    };
    let scenario = Scenario {
        faults: vec![of("*<B>*", 404)],
        ..Scenario::default()
    };
    let fleet = Fleet::for_keys(["A1", "A2", "S<B>1&"], &Scenario::default());
    let bench = Bench::with_fleet(PROGRAM, scenario, fleet).await;
    bench.write("list.txt", "A1\nA2\nS<B>1&\nUNKNOWN-<i>\n");
    let run = ["run", "list.txt", "--campaign", "c", "--yes"];
    bench.run(&run).await.expect(3);
    bench.run(&["verify", "c", "--after", "0s"]).await.expect(0);
    let html = bench.run(&["report", "c", "--html"]).await.expect(0).stdout;
    let status = bench.run(&["status", "c", "--json"]).await.json();
    let list = status["campaigns"][0]["lists"][0]["sha256"]
        .as_str()
        .unwrap();
    let head = bench.run(&["audit", "verify", "--json"]).await.json();
    for said in [
        list,
        head["head"].as_str().unwrap(),
        "S&lt;B&gt;1&amp;",
        "UNKNOWN-&lt;i&gt;",
        "not-found",
        "<svg",
        "2 succeeded</title>",
        "list-enqueued",
        "cli at ",
        "SHA-256 of its devices",
    ] {
        assert!(html.contains(said), "{said}: {html}");
    }
    assert!(!html.contains("S<B>"), "{html}");
    let to_file = ["report", "c", "--markdown", "--output", "report.md"];
    bench.run(&to_file).await.expect(0);
    let markdown = std::fs::read_to_string(bench.path("report.md")).unwrap();
    assert!(markdown.starts_with("# Campaign c\n"), "{markdown}");
    assert!(markdown.contains("S&lt;B&gt;1&amp;"), "{markdown}");
    bench.run(&["report", "c"]).await.expect(2);
}

/// Settings of a mail destination at that server.
#[cfg(unix)]
fn mail_settings(bench: &Bench, server: &MailServer, to: &str) {
    let settings = format!(
        "[notify.mail.desk]\nserver = \"localhost\"\nport = {}\nusername = \"{}\"\npassword_env = \"MAIL_PASSWORD\"\nfrom = \"Repilot <repilot@contoso.example>\"\nto = [\"{to}\"]\n",
        server.port,
        MailServer::USER,
    );
    bench.write("repilot.toml", settings);
}

/// The program, which trusts that server alone.
#[cfg(unix)]
fn with_mail(bench: &Bench, server: &MailServer, arguments: &[&str]) -> tokio::process::Command {
    let mut command = bench.command(arguments);
    command
        .env("MAIL_PASSWORD", MailServer::PASSWORD)
        .env("SSL_CERT_FILE", &server.certificate)
        .env("REPILOT_LOG", "trace");
    command
}

#[cfg(unix)]
#[tokio::test]
async fn the_end_of_a_campaign_arrives_by_mail_encrypted_and_once() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 5).await;
    let mut server = MailServer::start(&bench.path(".")).await;
    mail_settings(&bench, &server, "ops@contoso.example");
    let run = ["run", "devices.txt", "--campaign", "M\u{fc}nchen", "--yes"];
    let ran = ended(with_mail(&bench, &server, &run).spawn().unwrap()).await;
    let ran = ran.expect(0);
    let letter = server.letter().await;
    assert_eq!(letter["event"], "ended");
    assert_eq!(letter["encrypted"], true);
    assert_eq!(letter["to"], serde_json::json!(["ops@contoso.example"]));
    let subject = letter["subject"].as_str().unwrap();
    assert!(
        subject.contains("M\u{fc}nchen") && subject.contains("has ended"),
        "{letter}"
    );
    assert!(
        letter["text"]
            .as_str()
            .unwrap()
            .contains("5 in all, 5 succeeded"),
        "{letter}"
    );
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert!(!said.contains(MailServer::PASSWORD), "{said}");
    let shown = bench.run(&["config", "show"]).await.expect(0);
    assert!(shown.stdout.contains("MAIL_PASSWORD"), "{shown:?}");
    assert!(!shown.stdout.contains(MailServer::PASSWORD), "{shown:?}");
}

#[cfg(unix)]
#[tokio::test]
async fn a_mail_that_is_not_taken_says_why() {
    let bench = Bench::new(PROGRAM, Scenario::default(), 1).await;
    let server = MailServer::start(&bench.path(".")).await;
    let test = ["notify", "test", "--json"];
    mail_settings(&bench, &server, "nobody@contoso.example");
    let refused = ended(with_mail(&bench, &server, &test).spawn().unwrap()).await;
    let says = refused.json()[0]["says"].to_string();
    assert!(says.contains("there is no such person"), "{says}");

    mail_settings(&bench, &server, "ops@contoso.example");
    let mut wrong = with_mail(&bench, &server, &test);
    wrong.env("MAIL_PASSWORD", "of last year");
    let says = ended(wrong.spawn().unwrap()).await.json()[0]["says"].to_string();
    assert!(says.contains("535"), "{says}");
    assert!(!says.contains("of last year"), "{says}");

    let mut stranger = with_mail(&bench, &server, &test);
    stranger.env_remove("SSL_CERT_FILE");
    let says = ended(stranger.spawn().unwrap()).await.json()[0]["says"].to_string();
    assert!(says.contains("certificate is not trusted"), "{says}");
}
