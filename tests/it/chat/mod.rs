//! Chat: OpenAI's wire, our own, conversations, and real clients.

mod clients;
mod composed;
mod native;
mod openai;
mod reader;
mod script;
