//! How a message is put for whoever receives it.

use repilot_domain::untrusted;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Message;

/// What a webhook expects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Template {
    /// The message's own JSON.
    #[default]
    Json,
    /// An adaptive card, as a workflow of Microsoft Teams takes it.
    Teams,
    /// Blocks, as an incoming webhook of Slack takes them.
    Slack,
}

impl Template {
    /// The body that says it.
    #[must_use]
    pub fn body(self, message: &Message) -> Value {
        match self {
            Self::Json => json!(message),
            Self::Teams => teams(message),
            Self::Slack => slack(message),
        }
    }
}

/// Largest number of characters of a refusal that is repeated.
const REFUSAL_MAX: usize = 200;

impl Template {
    /// What an answer with a status of success says against it. Teams puts the error of what it could not
    /// deliver into the text; an incoming webhook of Slack says `ok`, a workflow of it `{"ok":true}`.
    pub(crate) fn refusal_in(self, answer: &str) -> Option<String> {
        let said = answer.trim();
        let is_refusal = match self {
            Self::Json => false,
            Self::Teams => {
                let said = said.to_lowercase();
                ["delivery failed", "returned http error"]
                    .iter()
                    .any(|sign| said.contains(sign))
            }
            Self::Slack => {
                let is_ok = serde_json::from_str(said).is_ok_and(|json: Value| json["ok"] == true);
                !said.is_empty() && said != "ok" && !is_ok
            }
        };
        is_refusal.then(|| untrusted(said, REFUSAL_MAX))
    }
}

fn teams(message: &Message) -> Value {
    let facts: Vec<Value> = facts(message)
        .into_iter()
        .map(|(title, value)| json!({ "title": title, "value": in_markdown(&value) }))
        .collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "fallbackText": message.text,
                "body": [
                    {
                        "type": "TextBlock",
                        "text": in_markdown(&message.text),
                        "wrap": true,
                        "weight": "Bolder",
                    },
                    { "type": "FactSet", "facts": facts },
                ],
            },
        }],
    })
}

fn slack(message: &Message) -> Value {
    let facts: Vec<Value> = facts(message)
        .into_iter()
        .map(|(title, value)| {
            json!({ "type": "mrkdwn", "text": format!("*{title}*\n{}", in_mrkdwn(&value)) })
        })
        .collect();
    json!({
        "text": in_mrkdwn(&message.text),
        "blocks": [
            {
                "type": "section",
                "text": { "type": "mrkdwn", "text": in_mrkdwn(&message.text) },
            },
            { "type": "section", "fields": facts },
        ],
    })
}

fn facts(message: &Message) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(campaign) = &message.campaign {
        facts.push(("Campaign", campaign.name.clone()));
        facts.push(("Tenant", campaign.tenant.clone()));
    }
    facts.push(("Event", message.event.clone()));
    facts.push(("When", message.at_text.clone()));
    facts.push(("By", message.actor.to_string()));
    facts
}

/// What comes from outside is text, and neither a link nor a heading.
fn in_markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\`*_[]()#<>".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Slack's own: its three characters, as it asks for them. Everything else of it needs one of these,
/// or two marks around a word, which do no harm.
fn in_mrkdwn(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use repilot_domain::{Actor, Timestamp};

    use super::*;

    fn message() -> Message {
        let by = Actor::new("<!channel> & co", "cli at [x](https://evil.example)");
        Message::test(&by, Timestamp::from_millis(1_772_352_930_250))
    }

    #[test]
    fn what_comes_from_outside_is_text_in_a_card_and_in_blocks() {
        let card = Template::Teams.body(&message());
        let content = &card["attachments"][0]["content"];
        assert_eq!(content["type"], "AdaptiveCard");
        let text = content["body"][0]["text"].as_str().unwrap();
        assert!(text.contains("\\[x\\]\\(https"), "{text}");
        let blocks = Template::Slack.body(&message());
        let text = blocks["text"].as_str().unwrap();
        assert!(text.contains("&lt;!channel&gt; &amp; co"), "{text}");
    }

    #[test]
    fn its_own_json_is_the_message() {
        let body = Template::Json.body(&message());
        assert_eq!(body["event"], "test");
        assert_eq!(body["id"], "test-1772352930250");
        assert_eq!(body["actor"]["name"], "<!channel> & co");
    }
}
