-- What a key takes of a proposal, how it gets into the text, and what the server hears of it.

local clients = require("redraft.client")

local M = {}

local PATTERNS = {
  word = "^%s*[^%s%w_\128-\255]*[%w_\128-\255]*",
  line = "^\n?[^\n]*",
}

-- The next "word" or "line" of a text; all of it when nothing is named.
function M.of(text, part)
  local taken = part and text:match(PATTERNS[part]) or text
  return taken ~= "" and taken or text
end

-- Pasted at the cursor, so that no indentation is added and that `.` repeats it.
function M.insert(text)
  vim.api.nvim_paste(text, false, -1)
end

-- The whole of a proposal was taken; `command` came with it.
function M.report(client, command, buffer)
  if not command then
    return
  end
  local params = { command = command.command, arguments = command.arguments }
  clients.call(client, "request", "workspace/executeCommand", params, function() end, buffer)
end

return M
