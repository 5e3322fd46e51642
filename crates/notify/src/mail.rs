//! A message by e-mail, over SMTP.

use std::error::Error;
use std::time::{Duration, UNIX_EPOCH};

use lettre::message::Mailbox;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use repilot_domain::untrusted;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::{Message, SendError};

/// Time after which a server that does not answer is given up.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Largest number of characters of a server's words that is repeated.
const WORDS_MAX: usize = 200;

/// Largest number of characters of a subject.
const SUBJECT_MAX: usize = 150;

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    /// TLS after STARTTLS; a server without it is refused. Port 587.
    #[default]
    StartTls,
    /// TLS from the first byte. Port 465.
    Tls,
    /// None, for a relay in one's own network that takes no password. Port 25.
    None,
}

impl Encryption {
    const fn port(self) -> u16 {
        match self {
            Self::StartTls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}

/// Settings of a mail server.
#[derive(Debug)]
pub struct MailServer {
    /// Name or address of the server.
    pub host: String,
    /// Port, where it is not the usual one of the encryption.
    pub port: Option<u16>,
    /// How the connection is protected.
    pub encryption: Encryption,
    /// User name and password; none for a server that asks for none.
    pub sign_in: Option<(String, SecretString)>,
}

/// Why a mail destination cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// An address that is none, as in the settings.
    #[error("`{0}` is no mail address: write ops@contoso.com or Operations <ops@contoso.com>")]
    Address(String),
    /// Nobody is to get it.
    #[error("nobody is to get its messages: set `to`")]
    Nobody,
    /// A password would cross the network readable.
    #[error(
        "a password is not sent without encryption: set `encryption` to `starttls` or `tls`, or leave `username` out"
    )]
    ReadablePassword,
    /// The name of the server, or the machine's certificates.
    #[error("no connection to the mail server {host} can be prepared: {words}")]
    Setup {
        /// The server.
        host: String,
        /// The reason, in words.
        words: String,
    },
}

/// People who are told by e-mail.
#[derive(Debug)]
pub struct Mail {
    host: String,
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl Mail {
    /// Prepares messages from one address to others; nothing is sent or looked up yet.
    ///
    /// # Errors
    ///
    /// Where an address is none, or a password would cross the network readable.
    pub fn new(server: &MailServer, from: &str, to: &[String]) -> Result<Self, MailError> {
        // A second installation changes nothing: whoever came first chose the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mailbox = |text: &str| {
            let parsed = text.trim().parse::<Mailbox>();
            parsed.map_err(|_unclear| MailError::Address(untrusted(text, WORDS_MAX)))
        };
        let (from, to) = (
            mailbox(from)?,
            to.iter()
                .map(|text| mailbox(text))
                .collect::<Result<Vec<_>, _>>()?,
        );
        if to.is_empty() {
            return Err(MailError::Nobody);
        }
        if server.encryption == Encryption::None && server.sign_in.is_some() {
            return Err(MailError::ReadablePassword);
        }
        let parameters = || {
            TlsParameters::new(server.host.clone()).map_err(|error| MailError::Setup {
                host: server.host.clone(),
                words: error.to_string(),
            })
        };
        let tls = match server.encryption {
            Encryption::StartTls => Tls::Required(parameters()?),
            Encryption::Tls => Tls::Wrapper(parameters()?),
            Encryption::None => Tls::None,
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&server.host)
            .port(server.port.unwrap_or(server.encryption.port()))
            .tls(tls)
            .timeout(Some(TIMEOUT));
        if let Some((name, password)) = &server.sign_in {
            let password = password.expose_secret().trim().to_owned();
            builder = builder.credentials(Credentials::new(name.clone(), password));
        }
        Ok(Self {
            host: server.host.clone(),
            transport: builder.build(),
            from,
            to,
        })
    }

    /// The server that it hands messages to.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Hands a message to the server.
    pub async fn send(&self, message: &Message) -> Result<(), SendError> {
        let refused = |words: &str| SendError::MailRefused {
            host: self.host.clone(),
            words: untrusted(words, WORDS_MAX),
        };
        let mail = self.letter(message);
        let mail = mail.map_err(|error| refused(&error.to_string()))?;
        match self.transport.send(mail).await {
            Ok(_taken) => Ok(()),
            Err(error) if error.status().is_some() => Err(refused(&error.to_string())),
            Err(error) => Err(SendError::Unreachable {
                host: self.host.clone(),
                why: in_words(&error),
            }),
        }
    }

    /// The message as a letter. Its id stays the same however often it is sent.
    fn letter(&self, message: &Message) -> Result<lettre::Message, lettre::error::Error> {
        let header = |name: HeaderName, value: &str| HeaderValue::new(name, value.to_owned());
        let subject = untrusted(&format!("[Repilot] {}", message.text), SUBJECT_MAX);
        let mut builder = lettre::Message::builder()
            .from(self.from.clone())
            .subject(subject)
            .date(UNIX_EPOCH + Duration::from_millis(message.at.as_millis().unsigned_abs()))
            .message_id(Some(format!("<{}@repilot>", message.id)))
            // Nobody's absence is to be answered to a program.
            .raw_header(header(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated",
            ))
            .raw_header(header(
                HeaderName::new_from_ascii_str("X-Repilot-Event"),
                &message.event,
            ));
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        builder.header(ContentType::TEXT_PLAIN).body(text(message))
    }
}

/// The body, for people.
fn text(message: &Message) -> String {
    let mut lines = vec![message.text.clone(), String::new()];
    lines.push(format!("When: {}", message.at_text));
    lines.push(format!("Who: {}", message.actor));
    if let Some(campaign) = &message.campaign {
        lines.push(format!(
            "Campaign: {} (tenant {})",
            campaign.name, campaign.tenant
        ));
        lines.push(format!(
            "Devices: {} in all, {} succeeded, {} dead letters, {} to go",
            campaign.total, campaign.succeeded, campaign.dead, campaign.open
        ));
    }
    lines.push(format!("Message: {}", message.id));
    let mut body = String::new();
    for line in lines {
        // One line each: a name cannot begin another.
        body.push_str(&untrusted(&line, usize::MAX));
        body.push('\n');
    }
    body
}

/// Why a server did not answer as one.
fn in_words(error: &lettre::transport::smtp::Error) -> String {
    if error.is_timeout() {
        "no answer in time".to_owned()
    } else if error.is_tls() || is_of_tls(error) {
        "its certificate is not trusted, or it speaks no TLS".to_owned()
    } else if error.is_client() {
        untrusted(&error.to_string(), WORDS_MAX)
    } else if error.is_response() {
        "it does not answer as a mail server does".to_owned()
    } else {
        "no connection".to_owned()
    }
}

/// Whether TLS failed somewhere below: it comes wrapped in an error of input and output.
fn is_of_tls(error: &lettre::transport::smtp::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let io = error.downcast_ref::<std::io::Error>();
        let wrapped = io.and_then(std::io::Error::get_ref);
        let wrapped = wrapped.and_then(|inner| inner.downcast_ref::<rustls::Error>());
        if error.is::<rustls::Error>() || wrapped.is_some() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use repilot_domain::{Actor, Timestamp};

    use super::*;

    fn server(encryption: Encryption, sign_in: bool) -> MailServer {
        MailServer {
            host: "mail.contoso.example".to_owned(),
            port: None,
            encryption,
            sign_in: sign_in.then(|| ("repilot".to_owned(), "s3cret".to_owned().into())),
        }
    }

    fn made(server: &MailServer, from: &str, to: &[&str]) -> Result<Mail, MailError> {
        let to: Vec<String> = to.iter().map(|&text| text.to_owned()).collect();
        Mail::new(server, from, &to)
    }

    #[test]
    fn a_letter_says_what_happened_and_a_name_adds_no_header() {
        let mail = made(
            &server(Encryption::StartTls, true),
            "Repilot <repilot@contoso.example>",
            &["ops@contoso.example", "Pat O'Neil <pat@contoso.example>"],
        )
        .unwrap();
        let by = Actor::new("alice", "cli at desk");
        let mut message = Message::test(&by, Timestamp::from_millis(1_796_000_000_000));
        message.text = "Campaign M\u{fc}nchen\r\nBcc: x@evil.example has ended.".to_owned();
        let letter = String::from_utf8(mail.letter(&message).unwrap().formatted()).unwrap();
        assert!(
            letter.contains("Message-ID: <test-1796000000000@repilot>"),
            "{letter}"
        );
        assert!(
            letter.contains("Auto-Submitted: auto-generated"),
            "{letter}"
        );
        assert!(!letter.to_lowercase().contains("\nbcc:"), "{letter}");
        assert!(letter.contains("pat@contoso.example"), "{letter}");
    }

    #[test]
    fn what_cannot_work_is_refused_before_anything_is_sent() {
        let (from, to) = ("repilot@contoso.example", "ops@contoso.example");
        let plain = made(&server(Encryption::None, true), from, &[to]);
        assert!(
            matches!(plain, Err(MailError::ReadablePassword)),
            "{plain:?}"
        );
        assert!(!format!("{plain:?}").contains("s3cret"));
        assert!(made(&server(Encryption::None, false), from, &[to]).is_ok());
        let nobody = made(&server(Encryption::Tls, false), from, &[]);
        assert!(matches!(nobody, Err(MailError::Nobody)));
        let typo = made(&server(Encryption::Tls, false), from, &["ops at contoso"]);
        assert!(matches!(typo, Err(MailError::Address(text)) if text == "ops at contoso"));
    }
}
