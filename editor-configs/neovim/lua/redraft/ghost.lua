-- Ghost text, drawn by the plugin: Neovim 0.10 and 0.11 know no textDocument/inlineCompletion; 0.12 may use it too.
--
-- One proposal is shown at a time, as one extmark at the cursor. While the user types what it says it stays and only
-- gets shorter. Each keystroke cancels the request before it, and an answer for a text or place that has moved on is
-- dropped. Nothing is drawn while a completion menu is open: the menu has the keys then.

local clients = require("redraft.client")
local menu = require("redraft.menu")
local parts = require("redraft.parts")

local M = {}

local METHOD = "textDocument/inlineCompletion"
local INVOKED, AUTOMATIC = 1, 2 -- LSP 3.18, InlineCompletionTriggerKind
local MARK = 1
local namespace = vim.api.nvim_create_namespace("redraft")
-- { buffer, row, items, index, client, picked }: what the server last proposed for this line. `picked`: the user asked for
-- it or chose it, so it stays while it fits: asked again as typing asks, the server may propose nothing, or its first text.
local shown
local asked -- { client, id }: the request under way

-- A macro neither sees ghost text nor is made with it: what would be recorded is the key, not what it takes. With 'paste'
-- no key takes it.
local function inserting()
  local macro = vim.fn.reg_executing() ~= "" or vim.fn.reg_recording() ~= ""
  return vim.fn.mode():sub(1, 1) == "i" and not macro and not vim.o.paste
end

local function erase()
  if shown and vim.api.nvim_buf_is_valid(shown.buffer) then
    vim.api.nvim_buf_clear_namespace(shown.buffer, namespace, 0, -1)
  end
end

local function forget()
  erase()
  shown = nil
end

local function cancel()
  if asked then
    clients.call(asked.client, "cancel_request", asked.id)
    asked = nil
  end
end

-- What is left of an item at the cursor, or nil when the user has typed something else.
local function rest_of(item)
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  local line, from = vim.api.nvim_get_current_line(), #item.before
  if vim.api.nvim_get_current_buf() ~= shown.buffer or row - 1 ~= shown.row or column < from then
    return nil
  end
  if line:sub(1, from) ~= item.before then
    return nil -- two keys may come before anybody is told of the first
  end
  local typed = line:sub(from + 1, column)
  if item.text:sub(1, #typed) ~= typed or #item.text == #typed then
    return nil
  end
  return item.text:sub(#typed + 1)
end

-- The chosen item, or the first other one that says what was typed, and what is left of it.
local function current()
  for step = 0, shown and #shown.items - 1 or -1 do
    local index = (shown.index + step - 1) % #shown.items + 1
    local rest = rest_of(shown.items[index])
    if rest then
      return index, rest
    end
  end
end

-- Tabs as the blanks that they will be in the file: virtual text does not know tab stops.
local function spread(text, column)
  local tab = vim.bo.tabstop
  while text:find("\t", 1, true) do
    local before, after = text:match("^([^\t]*)\t(.*)$")
    local width = column + vim.fn.strdisplaywidth(before, column)
    text = before .. (" "):rep(tab - width % tab) .. after
  end
  return text
end

local function draw()
  local index, rest = current()
  if not index then
    return forget()
  end
  shown.index = index
  if menu.open() then
    return erase()
  end
  local line, column = vim.api.nvim_get_current_line(), vim.api.nvim_win_get_cursor(0)[2]
  local right, replaced = line:sub(column + 1), parts.over(rest, shown.items[index].behind)
  local lines = vim.split(rest, "\n", { plain = true })
  local first = spread(lines[1], vim.fn.strdisplaywidth(line:sub(1, column)))
  local place, beside, below = "inline", { { first, "RedraftGhost" } }, {}
  for number = 2, #lines do
    below[number - 1] = { { spread(lines[number], 0), "RedraftGhost" } }
  end
  if right ~= "" and (replaced ~= "" or #lines > 1) then
    -- It is drawn over what stands right of the cursor; what is not replaced will stand behind its last line.
    place = "overlay"
    table.insert(below[#below] or beside, { right:sub(#replaced + 1) })
    if #lines > 1 then
      beside[2] = { (" "):rep(vim.fn.strdisplaywidth(right) - vim.fn.strdisplaywidth(first)) }
    end
  end
  vim.api.nvim_buf_set_extmark(shown.buffer, namespace, shown.row, column, {
    id = MARK,
    virt_text = beside,
    virt_text_pos = place,
    virt_lines = #below > 0 and below or nil,
  })
end

local function show(answer, client, picked)
  local line = vim.api.nvim_get_current_line()
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  local items = vim.tbl_map(function(item)
    local byte = function(position)
      return position and clients.byte_of(line, position.character, client.offset_encoding) or column
    end
    local range = item.range or {}
    return {
      before = line:sub(1, byte(range.start)), -- of the line, what stays
      behind = #line - byte(range["end"]), -- bytes of the line that follow what is replaced
      text = type(item.insertText) == "table" and item.insertText.value or item.insertText,
      command = item.command,
    }
  end, answer)
  if shown and shown.buffer ~= vim.api.nvim_get_current_buf() then
    forget()
  end
  local buffer = vim.api.nvim_get_current_buf()
  shown = { buffer = buffer, row = row - 1, items = items, index = 1, client = client, picked = picked }
  draw()
end

-- Ask for proposals at the cursor; `arrived` is called when they are shown.
local function request(kind, arrived)
  cancel()
  local buffer = vim.api.nvim_get_current_buf()
  local client = clients.of(buffer)
  if not client or not inserting() or menu.open() then
    return
  end
  local tick, place = vim.api.nvim_buf_get_changedtick(buffer), vim.api.nvim_win_get_cursor(0)
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  params.context = { triggerKind = kind }
  local mine, sent = { client = client }, nil
  asked = mine
  sent, mine.id = clients.call(client, "request", METHOD, params, function(problem, answer)
    if asked ~= mine then
      return -- dismissed, or asked again, while this answer was on its way already
    end
    asked = nil
    vim.cmd.redrawstatus() -- no longer thinking
    local still_there = vim.api.nvim_get_current_buf() == buffer
      and vim.api.nvim_buf_get_changedtick(buffer) == tick
      and vim.deep_equal(vim.api.nvim_win_get_cursor(0), place)
    if problem or not still_there or not inserting() then
      return
    end
    show(answer and (answer.items or answer) or {}, client, kind == INVOKED)
    if arrived then
      arrived()
    end
  end, buffer)
  if not sent then
    asked = nil
  end
end

local function changed()
  if shown then
    draw()
  end
  if shown and shown.picked then
    return cancel()
  end
  request(AUTOMATIC)
end

-- Whether an answer is on its way.
function M.thinking()
  return asked ~= nil
end

-- The keys that take what is shown, or its next word or line; nil when nothing is shown.
function M.take(part)
  if not menu.open() and current() then
    return parts.keys("ghost", part)
  end
end

function M.accept(part)
  local index, rest = current()
  if not index then
    return
  end
  local was, item = shown, shown.items[index]
  local taken = parts.of(rest, part)
  local left, replaced = rest:sub(#taken + 1), parts.over(rest, item.behind)
  cancel()
  forget()
  parts.insert(taken, left, replaced, function()
    if taken == rest then
      return parts.report(was.client, item.command, was.buffer)
    end
    local row, column = unpack(vim.api.nvim_win_get_cursor(0))
    item.before, item.text = vim.api.nvim_get_current_line():sub(1, column), left
    shown = vim.tbl_extend("force", was, { row = row - 1, items = { item }, index = 1 })
    draw()
  end)
end

-- Show another proposal; asks for more when only one is known.
function M.choose(step)
  local index, rest = current()
  if index and #shown.items > 1 then
    repeat
      shown.index = (shown.index + step - 1) % #shown.items + 1
    until rest_of(shown.items[shown.index])
    shown.picked = true
    cancel() -- its answer would take the place of what was chosen
    return draw()
  end
  request(INVOKED, function()
    local _, first = current()
    if first and first == rest and #shown.items > 1 then
      M.choose(step)
    end
  end)
end

function M.invoke()
  request(INVOKED)
end

local function leave()
  cancel()
  forget()
end

-- True when there was something to dismiss.
function M.dismiss()
  if menu.open() then
    return false
  end
  local something = shown ~= nil
  leave()
  return something
end

-- The model has become ready: what was typed meanwhile has no answer yet.
M.refresh = changed

function M.setup(group)
  local redraw = function()
    if shown then
      draw()
    end
  end
  local on = function(events, callback, pattern)
    vim.api.nvim_create_autocmd(events, { group = group, pattern = pattern, callback = callback })
  end
  on({ "TextChangedI", "CompleteDone" }, changed)
  on("InsertEnter", vim.schedule_wrap(changed)) -- the mode changes after this event
  clients.drawn_by_editor(false, group) -- nothing is drawn twice
  on({ "TextChangedP", "CursorMovedI" }, redraw)
  on({ "InsertLeave", "BufLeave" }, leave)
  on("ModeChanged", leave, { "i*:n", "i*:R*" }) -- <C-c> and <Insert> leave no other trace
  menu.follow(group, redraw, changed)
end

return M
