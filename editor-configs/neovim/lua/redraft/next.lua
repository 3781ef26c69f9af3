-- Next edits: what a name that was changed by hand, here or in another buffer, leaves behind, shown where it stands and
-- changed by one key.
--
-- Only in Normal mode: while the user types nothing may move. What is shown belongs to one state of the text; the first
-- change of that takes it away, and then the server is asked again.

local clients = require("redraft.client")

local M = {}

local METHOD = "textDocument/copilotInlineEdit"
local PAUSE_MS = 100
local namespace = vim.api.nvim_create_namespace("redraft.next")
local unwanted = vim.api.nvim_create_namespace("redraft.next.unwanted") -- where changes were that the user ignored
local shown -- { buffer, tick, changes, marks, encoding, hint }; marks: one for each change
local asked -- { client, id }: the request under way
local settled = {} -- by buffer: its changedtick when the server last answered; 0 where that has to be asked for again
local ignored = {} -- by buffer: mark in `unwanted` -> the text that was proposed there
local timer = vim.uv.new_timer()

-- A macro is recorded and run without proposals: what would be recorded is the key, not what it changes.
local function normal()
  return vim.fn.mode(1) == "n" and vim.fn.reg_executing() == "" and vim.fn.reg_recording() == ""
end

local function is_now(buffer, tick)
  return vim.api.nvim_get_current_buf() == buffer and vim.api.nvim_buf_get_changedtick(buffer) == tick
end

-- Whether what is shown may be acted on: a key may come before the autocommand that tells of a change.
local function fits()
  return shown and is_now(shown.buffer, shown.tick) and vim.bo.modifiable
end

local function forget()
  if shown and vim.api.nvim_buf_is_valid(shown.buffer) then
    vim.api.nvim_buf_clear_namespace(shown.buffer, namespace, 0, -1)
  end
  shown = nil
end

local function cancel()
  timer:stop()
  if asked then
    clients.call(asked.client, "cancel_request", asked.id)
    asked = nil
  end
end

local function place(buffer, position, encoding)
  local line = vim.api.nvim_buf_get_lines(buffer, position.line, position.line + 1, false)[1] or ""
  return position.line, clients.byte_of(line, position.character, encoding)
end

local function in_sight(row)
  return row >= vim.fn.line("w0") and row <= vim.fn.line("w$") and vim.fn.foldclosed(row) == -1
end

-- Say at the cursor where the first change is while it is out of sight.
local function point()
  if not fits() then
    return
  end
  if shown.hint then
    vim.api.nvim_buf_del_extmark(shown.buffer, namespace, shown.hint)
    shown.hint = nil
  end
  local first = shown.changes[1].range.start.line + 1
  if not in_sight(first) then
    shown.hint = vim.api.nvim_buf_set_extmark(shown.buffer, namespace, vim.api.nvim_win_get_cursor(0)[1] - 1, 0, {
      virt_text = { { ("→ line %d"):format(first), "RedraftGhost" } },
      virt_text_pos = "eol",
    })
  end
end

-- The user has seen these changes and went on; the marks move with the text.
local function is_ignored(buffer, change, encoding)
  local at = { place(buffer, change.range.start, encoding) }
  for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(buffer, unwanted, at, at, {})) do
    if ignored[buffer] and ignored[buffer][mark[1]] == change.newText then
      return true
    end
  end
  return false
end

local function show(buffer, changes, encoding)
  forget()
  local news = false
  for _, change in ipairs(changes) do
    news = news or not is_ignored(buffer, change, encoding)
  end
  if not news then
    return
  end
  local tick = vim.api.nvim_buf_get_changedtick(buffer)
  shown = { buffer = buffer, tick = tick, changes = changes, marks = {}, encoding = encoding }
  for number, change in ipairs(changes) do
    local row, column = place(buffer, change.range.start, encoding)
    local last, behind = place(buffer, change.range["end"], encoding)
    local old = { end_row = last, end_col = behind, hl_group = "RedraftOld" }
    local new = { virt_text = { { change.newText, "RedraftGhost" } }, virt_text_pos = "inline" }
    shown.marks[number] = vim.api.nvim_buf_set_extmark(buffer, namespace, row, column, old)
    vim.api.nvim_buf_set_extmark(buffer, namespace, last, behind, new)
  end
  point()
end

local function request()
  cancel()
  local buffer = vim.api.nvim_get_current_buf()
  local client = clients.of(buffer)
  if not normal() then
    return -- asked when it is again
  end
  local off = vim.tbl_get(clients.settings(), "nextEdit", "enable") == false
  if not client or off or not vim.bo[buffer].modifiable then
    return forget()
  end
  local tick, version = vim.api.nvim_buf_get_changedtick(buffer), vim.lsp.util.buf_versions[buffer]
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  params.textDocument.version = version
  local mine, sent = { client = client }, nil
  asked = mine
  sent, mine.id = clients.call(client, "request", METHOD, params, function(problem, answer)
    if asked ~= mine then
      return
    end
    asked = nil
    if not is_now(buffer, tick) or not normal() then
      return
    end
    settled[buffer] = tick
    local edit = not problem and answer and answer.edits and answer.edits[1]
    local changes = edit and edit.textDocument.version == version and edit.changes or {}
    if #changes == 0 then
      return forget()
    end
    show(buffer, changes, client.offset_encoding)
  end, buffer)
  if not sent then
    asked = nil
  end
end

-- Ask about the text as it is now, unless that was done.
local function consider()
  local buffer = vim.api.nvim_get_current_buf()
  if settled[buffer] ~= vim.api.nvim_buf_get_changedtick(buffer) then
    cancel()
    timer:start(PAUSE_MS, 0, vim.schedule_wrap(request))
  end
end

local function changed()
  forget()
  consider()
end

local function leave()
  cancel()
  if shown then
    settled[shown.buffer] = 0
  end
  forget()
end

-- Keys that take what is shown, or go to it where it cannot be seen; nil when nothing is shown.
function M.take()
  return fits() and normal() and "<Cmd>lua require('redraft.next').accept()<CR>" or nil
end

function M.accept()
  if not fits() then
    return
  end
  local row, column = place(shown.buffer, shown.changes[1].range.start, shown.encoding)
  if not in_sight(row + 1) then
    vim.cmd("normal! m'")
    vim.api.nvim_win_set_cursor(0, { row + 1, column })
    vim.cmd("normal! zv")
    return point()
  end
  local was = shown
  settled[was.buffer] = 0 -- what is left is asked for when the editor has seen the change
  M.dismiss() -- if it is undone, it was not wanted
  vim.lsp.util.apply_text_edits(was.changes, was.buffer, was.encoding)
end

-- Take it away for good: the same changes are not shown again.
function M.dismiss()
  cancel()
  if not shown then
    return
  end
  local buffer, its = shown.buffer, ignored[shown.buffer] or {}
  for number, change in ipairs(shown.changes) do
    -- The text may have changed already, as by `o`: the mark has moved along.
    local at = vim.api.nvim_buf_get_extmark_by_id(buffer, namespace, shown.marks[number], {})
    if at[1] then
      for _, before in ipairs(vim.api.nvim_buf_get_extmarks(buffer, unwanted, at, at, {})) do
        vim.api.nvim_buf_del_extmark(buffer, unwanted, before[1])
        its[before[1]] = nil
      end
      its[vim.api.nvim_buf_set_extmark(buffer, unwanted, at[1], at[2], {})] = change.newText
    end
  end
  ignored[buffer] = its
  forget()
end

-- Settings have changed: what is shown may be off now, or what was off may be shown.
function M.refresh()
  settled = {}
  consider()
end

function M.setup(group)
  local on = function(events, callback, pattern)
    vim.api.nvim_create_autocmd(events, { group = group, pattern = pattern, callback = callback })
  end
  forget()
  on("TextChanged", changed)
  on("ModeChanged", consider, "*:n") -- also from the command line, where an answer may have come
  on("InsertEnter", M.dismiss)
  on({ "BufLeave", "RecordingEnter" }, leave)
  on("RecordingLeave", consider)
  on("BufEnter", function(event)
    settled[event.buf] = 0 -- what was renamed in another buffer meanwhile may go on here
    consider()
  end)
  on({ "CursorMoved", "WinEnter", "WinScrolled" }, point)
end

return M
