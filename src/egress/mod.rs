//! The one place through which text leaves for a model, an embedding endpoint, a trace or a chat.
