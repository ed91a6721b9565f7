//! What a scripted model says, and to what.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Steps, played one for each request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// The steps.
    pub steps: Vec<Step>,
    /// Whether a request is answered by the first unplayed step that expects it, instead of by the next one: for agents
    /// that ask at the same time.
    pub any_order: bool,
    /// Between two pieces of a streamed reply, ms: so that people can watch.
    pub pace_ms: u64,
    /// Whether replies say nothing about tokens, like those of some local servers.
    pub no_usage: bool,
}

/// One reply, and to what it is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What the request must be like.
    #[serde(default)]
    pub expect: Expect,
    /// The reply.
    pub reply: Reply,
    /// Whether it is played again and again.
    #[serde(default)]
    pub repeat: bool,
}

/// What a request must be like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// Each is somewhere in the text of the messages.
    pub contains: Vec<String>,
    /// None of these is.
    pub lacks: Vec<String>,
    /// Tools that are offered.
    pub tools: Vec<String>,
}

/// A reply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Text.
    Say(String),
    /// Calls of tools.
    Call(Vec<Call>),
    /// Text, then calls of tools.
    SayAndCall(String, Vec<Call>),
    /// Something goes wrong.
    Fail(Fault),
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The tool.
    pub tool: String,
    /// Its arguments: an object, or text that is sent as it is.
    pub arguments: Value,
}

/// What can go wrong. `after` is text that is still sent before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A refusal.
    Status {
        /// The status.
        status: u16,
        /// The `Retry-After` header, seconds.
        #[serde(default)]
        retry_after: Option<u64>,
        /// What it says.
        #[serde(default)]
        message: String,
    },
    /// Nothing more comes, and the connection stays open.
    Stall {
        /// Text before.
        #[serde(default)]
        after: String,
    },
    /// Bytes that are not of the wire.
    Garbage {
        /// Text before.
        #[serde(default)]
        after: String,
    },
    /// The reply ends without its end.
    EarlyEnd {
        /// Text before.
        #[serde(default)]
        after: String,
    },
    /// JSON of another shape.
    WrongJson,
    /// The provider withholds the rest.
    Filtered {
        /// Text before.
        #[serde(default)]
        after: String,
    },
}

impl Reply {
    /// Text.
    pub fn say(text: impl Into<String>) -> Self {
        Self::Say(text.into())
    }

    /// One call of a tool.
    pub fn call(tool: impl Into<String>, arguments: Value) -> Self {
        Self::Call(vec![Call { tool: tool.into(), arguments }])
    }
}

impl From<Reply> for Step {
    fn from(reply: Reply) -> Self {
        Self { expect: Expect::default(), reply, repeat: false }
    }
}

impl FromIterator<Reply> for Script {
    fn from_iter<I: IntoIterator<Item = Reply>>(replies: I) -> Self {
        Self { steps: replies.into_iter().map(Step::from).collect(), ..Self::default() }
    }
}

impl Script {
    /// The reply to a request; marks its step as used.
    ///
    /// # Errors
    /// What is wrong, where the request does not go by the script.
    pub(super) fn play(&self, body: &Value, used: &mut [bool]) -> Result<Reply, String> {
        let mut refused = None;
        for (number, (step, used)) in self.steps.iter().zip(used.iter_mut()).enumerate() {
            if *used && !step.repeat {
                continue;
            }
            match step.expect.hold(body) {
                Ok(()) => {
                    *used = true;
                    return Ok(step.reply.clone());
                }
                Err(reason) => {
                    let reason = format!("script: step {} {reason}", number + 1);
                    if !self.any_order {
                        return Err(reason);
                    }
                    refused.get_or_insert(reason);
                }
            }
        }
        Err(refused.unwrap_or_else(|| "script: no step is left".to_owned()))
    }
}

impl Expect {
    fn hold(&self, body: &Value) -> Result<(), String> {
        let mut texts = Vec::new();
        collect_texts(body.get("messages").unwrap_or(&Value::Null), &mut texts);
        let text = texts.join("\n");
        let offered: Vec<&str> = body
            .get("tools")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|tool| tool.pointer("/function/name").and_then(Value::as_str))
            .collect();
        if let Some(missing) = self.contains.iter().find(|part| !text.contains(part.as_str())) {
            return Err(format!("expects the text {missing:?}"));
        }
        if let Some(found) = self.lacks.iter().find(|part| text.contains(part.as_str())) {
            return Err(format!("expects no text {found:?}"));
        }
        match self.tools.iter().find(|tool| !offered.contains(&tool.as_str())) {
            Some(missing) => Err(format!("expects the tool {missing}; there is {}", offered.join(", "))),
            None => Ok(()),
        }
    }
}

fn collect_texts<'a>(value: &'a Value, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => texts.push(text),
        Value::Array(values) => values.iter().for_each(|value| collect_texts(value, texts)),
        Value::Object(fields) => fields.values().for_each(|value| collect_texts(value, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Expect, Reply, Script, Step};

    fn step(contains: &str, reply: &str) -> Step {
        let expect = Expect { contains: vec![contains.to_owned()], ..Expect::default() };
        Step { expect, ..Reply::say(reply).into() }
    }

    fn body(text: &str) -> serde_json::Value {
        json!({"messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]})
    }

    #[test]
    fn steps_are_played_in_order_and_refuse_what_they_do_not_expect() {
        let script = Script { steps: vec![step("one", "1"), step("two", "2")], ..Script::default() };
        let mut used = vec![false; 2];
        assert_eq!(
            script.play(&body("two"), &mut used),
            Err("script: step 1 expects the text \"one\"".to_owned())
        );
        assert_eq!(script.play(&body("one"), &mut used), Ok(Reply::say("1")));
        assert_eq!(script.play(&body("two"), &mut used), Ok(Reply::say("2")));
        assert_eq!(script.play(&body("two"), &mut used), Err("script: no step is left".to_owned()));
    }

    #[test]
    fn in_any_order_the_step_that_expects_the_request_is_played() {
        let steps = vec![step("one", "1"), Step { repeat: true, ..step("two", "2") }];
        let script = Script { steps, any_order: true, ..Script::default() };
        let mut used = vec![false; 2];
        for (text, said) in [("two", "2"), ("one", "1"), ("two", "2")] {
            assert_eq!(script.play(&body(text), &mut used), Ok(Reply::say(said)));
        }
    }

    #[test]
    fn a_script_can_be_kept_in_a_file() {
        let text = r#"{"steps": [
            {"expect": {"tools": ["kubernetes_get"]}, "reply": {"call": [{"tool": "kubernetes_get", "arguments": {"kind": "Pod"}}]}},
            {"reply": {"fail": {"status": {"status": 429, "retry_after": 1}}}},
            {"reply": {"say": "done"}, "repeat": true}]}"#;
        let script: Script = serde_json::from_str(text).unwrap();
        assert_eq!(script.steps.len(), 3);
        assert!(
            script.play(&body("x"), &mut [false; 3]).unwrap_err().contains("expects the tool kubernetes_get")
        );
    }
}
