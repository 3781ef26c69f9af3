-- What a key takes of a proposal, how it gets into the text, and what the server hears of it.

local clients = require("redraft.client")

local M = {}

local pasting -- what `insert` does after its keys

local PATTERNS = {
  word = "^%s*[^%s%w_\128-\255]*[%w_\128-\255]*",
  line = "^\n?[^\n]*",
}

-- The next "word" or "line" of a text; all of it when nothing is named.
function M.of(text, part)
  local taken = part and text:match(PATTERNS[part]) or text
  return taken ~= "" and taken or text
end

-- The keys that have a module accept what it shows, as one step for undo.
function M.keys(module, part)
  local given = part and ("%q"):format(part) or ""
  return ("<C-g>u<Cmd>lua require('redraft.%s').accept(%s)<CR><C-g>u"):format(module, given)
end

-- Whether a text has all the characters of another one, in their order.
local function has(text, characters)
  local at = 0
  for character in characters:gmatch(".") do
    at = text:find(character, at + 1, true)
    if not at then
      return false
    end
  end
  return true
end

-- What a text replaces right of the cursor: all that stands there but the last `behind` bytes of the line, where the text
-- has those characters too. They are brackets that were closed before the text was asked for, or since.
function M.over(text, behind)
  local line, column = vim.api.nvim_get_current_line(), vim.api.nvim_win_get_cursor(0)[2]
  local stands = line:sub(column + 1, math.max(column, #line - behind))
  return has(text, stands) and stands or ""
end

-- Pasted at the cursor, so that no indentation is added and that `.` repeats it. `over` is what the whole proposal
-- replaces right of the cursor; of that goes what is not in the part of it that is `left`. `.` repeats this too, because
-- keys take it away. They come right after those of `accept`, and then `done` is called.
function M.insert(taken, left, over, done)
  local gone = 0
  while not has(left, over:sub(gone + 1)) do
    gone = gone + 1
  end
  pasting = function()
    vim.api.nvim_paste(taken, false, -1)
    done()
  end
  local keys = ("<Del>"):rep(gone) .. "<Cmd>lua require('redraft.parts').paste()<CR>"
  vim.api.nvim_feedkeys(vim.api.nvim_replace_termcodes(keys, true, true, true), "in", false)
end

function M.paste()
  pasting()
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
