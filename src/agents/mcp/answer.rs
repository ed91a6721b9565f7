//! From the answer of a foreign tool to ours: its text, within bounds. Pure.

use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};

use crate::agents::tools::{ToolError, ToolOutput};

/// Most of an error's text that is shown, characters.
const LONGEST_ERROR: usize = 2_000;

/// What a model reads of an answer. Pictures and sounds are only said to be there.
pub(super) fn output(server: &str, result: &CallToolResult) -> Result<ToolOutput, ToolError> {
    let text = text(result);
    if result.is_error == Some(true) {
        let text: String = text.chars().take(LONGEST_ERROR).collect();
        return Err(ToolError::Unavailable(format!("{server} answers with an error: {text}")));
    }
    Ok(ToolOutput::bounded(text, "ask this tool for less"))
}

fn text(result: &CallToolResult) -> String {
    let blocks: Vec<String> = result.content.iter().map(block).collect();
    let text = blocks.join("\n");
    match &result.structured_content {
        Some(value) if text.trim().is_empty() => value.to_string(),
        None if text.trim().is_empty() => "(it answered without any text)".to_owned(),
        _ => text,
    }
}

fn block(block: &ContentBlock) -> String {
    match block {
        ContentBlock::Text(text) => text.text.clone(),
        ContentBlock::Image(image) => format!("[a picture ({}), which is not shown]", image.mime_type),
        ContentBlock::Audio(audio) => format!("[a sound ({}), which is not played]", audio.mime_type),
        ContentBlock::Resource(resource) => match &resource.resource {
            ResourceContents::TextResourceContents { uri, text, .. } => format!("{uri}:\n{text}"),
            ResourceContents::BlobResourceContents { uri, .. } => {
                format!("[{uri}: data, which is not shown]")
            }
            _ => "[something that is not shown]".to_owned(),
        },
        ContentBlock::ResourceLink(link) => format!("[{}: {}]", link.uri, link.name),
        _ => "[something that is not shown]".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::{CallToolResult, ContentBlock};
    use serde_json::json;

    use super::output;
    use crate::agents::tools::MOST_BYTES;

    #[test]
    fn text_is_kept_and_what_is_none_is_said() {
        let result = CallToolResult::success(vec![
            ContentBlock::text("two tickets"),
            ContentBlock::image("aGVsbG8=", "image/png"),
        ]);
        let shown = output("tickets", &result).unwrap();
        assert_eq!(shown.text, "two tickets\n[a picture (image/png), which is not shown]");
    }

    #[test]
    fn structured_content_stands_in_where_there_is_no_text() {
        let mut result = CallToolResult::success(Vec::new());
        assert_eq!(output("tickets", &result).unwrap().text, "(it answered without any text)");
        result.structured_content = Some(json!({"open": 2}));
        assert_eq!(output("tickets", &result).unwrap().text, "{\"open\":2}");
    }

    #[test]
    fn a_long_answer_is_cut_and_an_error_is_one() {
        let long = CallToolResult::success(vec![ContentBlock::text("line\n".repeat(20_000))]);
        let shown = output("tickets", &long).unwrap();
        assert!(shown.text.len() <= MOST_BYTES && shown.cut.unwrap().contains("100000 bytes"));
        let failed =
            CallToolResult::error(vec![ContentBlock::text(format!("no such ticket {}", "x".repeat(9_000)))]);
        let why = output("tickets", &failed).unwrap_err().to_string();
        assert!(why.contains("tickets answers with an error: no such ticket") && why.len() < 2_200, "{why}");
    }
}
