-- Ghost text for Neovim 0.10 and 0.11, which do not know textDocument/inlineCompletion.
--
-- One item is shown at a time, as an extmark at the cursor. While the user types what it says it stays and only gets
-- shorter; each keystroke cancels the request before it, and an answer for a text or place that has moved on is dropped.

local M = {}

local METHOD = "textDocument/inlineCompletion"
local INVOKED, AUTOMATIC = 1, 2 -- LSP 3.18, InlineCompletionTriggerKind
local namespace = vim.api.nvim_create_namespace("redraft")
local shown -- { buffer, row, from, upto, text, command, client }: replaces bytes [from, upto) of the row
local asked -- { client, id }: the request under way

local modern = vim.fn.has("nvim-0.11") == 1

-- Client functions became methods in 0.11.
local function call(client, name, ...)
  if modern then
    return client[name](client, ...)
  end
  return client[name](...)
end

local function byte_of(line, character, encoding)
  if modern then
    return vim.str_byteindex(line, encoding, character, false)
  end
  return vim.lsp.util._str_byteindex_enc(line, character, encoding)
end

local function clear()
  if shown and vim.api.nvim_buf_is_valid(shown.buffer) then
    vim.api.nvim_buf_clear_namespace(shown.buffer, namespace, 0, -1)
  end
  shown = nil
end

local function cancel()
  if asked then
    call(asked.client, "cancel_request", asked.id)
    asked = nil
  end
end

-- What is left of the item at the cursor, or nil when the user has typed something else.
local function rest_of(item)
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  if vim.api.nvim_get_current_buf() ~= item.buffer or row - 1 ~= item.row or column < item.from then
    return nil
  end
  local line = vim.api.nvim_get_current_line()
  local typed = line:sub(item.from + 1, column)
  if item.text:sub(1, #typed) ~= typed or #item.text == #typed then
    return nil
  end
  return item.text:sub(#typed + 1), column
end

local function draw()
  local rest, column = rest_of(shown)
  if not rest then
    return clear()
  end
  vim.api.nvim_buf_clear_namespace(shown.buffer, namespace, 0, -1)
  local first, below = nil, {}
  for _, line in ipairs(vim.split(rest, "\n", { plain = true })) do
    if first then
      below[#below + 1] = { { line, "RedraftGhost" } }
    else
      first = line
    end
  end
  vim.api.nvim_buf_set_extmark(shown.buffer, namespace, shown.row, column, {
    virt_text = { { first, "RedraftGhost" } },
    virt_text_pos = "inline",
    virt_lines = #below > 0 and below or nil,
  })
end

local function show(buffer, item, client)
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  local line = vim.api.nvim_get_current_line()
  local from, upto = column, column
  if item.range then
    from = byte_of(line, item.range.start.character, client.offset_encoding)
    upto = byte_of(line, item.range["end"].character, client.offset_encoding)
  end
  local text = type(item.insertText) == "table" and item.insertText.value or item.insertText
  clear()
  shown = { buffer = buffer, row = row - 1, from = from, upto = upto, text = text, command = item.command, client = client }
  shown.line = line
  draw()
end

function M.request(kind)
  cancel()
  local buffer = vim.api.nvim_get_current_buf()
  local client = vim.lsp.get_clients({ bufnr = buffer, name = "redraft" })[1]
  if not client then
    return
  end
  local tick, place = vim.api.nvim_buf_get_changedtick(buffer), vim.api.nvim_win_get_cursor(0)
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  params.context = { triggerKind = kind or AUTOMATIC }
  local sent, id
  sent, id = call(client, "request", METHOD, params, function(problem, answer)
    if asked and asked.id == id then
      asked = nil
    end
    local current = vim.api.nvim_get_current_buf() == buffer
      and vim.api.nvim_buf_get_changedtick(buffer) == tick
      and vim.deep_equal(vim.api.nvim_win_get_cursor(0), place)
    if problem or not current or vim.fn.mode():sub(1, 1) ~= "i" then
      return
    end
    local items = answer and (answer.items or answer) or {}
    if items[1] then
      show(buffer, items[1], client)
    else
      clear()
    end
  end, buffer)
  asked = sent and { client = client, id = id } or nil
end

-- Insert `text`, the beginning of what is shown at the cursor.
local function insert(text)
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  local lines = vim.split(text, "\n", { plain = true })
  vim.api.nvim_buf_set_text(0, row - 1, column, row - 1, column, lines)
  local last = #lines[#lines]
  vim.api.nvim_win_set_cursor(0, { row + #lines - 1, #lines == 1 and column + last or last })
end

-- Accept the item as the server meant it: its whole range is replaced.
local function accept_all()
  local item = shown
  clear()
  cancel()
  local column = vim.api.nvim_win_get_cursor(0)[2]
  local lines = vim.split(item.text, "\n", { plain = true })
  -- What was typed since the answer stands behind the range as it was then.
  local upto = math.max(column, item.upto + #vim.api.nvim_get_current_line() - #item.line)
  vim.api.nvim_buf_set_text(item.buffer, item.row, item.from, item.row, upto, lines)
  local last = #lines[#lines]
  vim.api.nvim_win_set_cursor(0, { item.row + #lines, #lines == 1 and item.from + last or last })
  if item.command then
    local params = { command = item.command.command, arguments = item.command.arguments }
    call(item.client, "request", "workspace/executeCommand", params, function() end, item.buffer)
  end
end

function M.visible()
  return shown ~= nil and rest_of(shown) ~= nil
end

function M.accept(pattern)
  if not M.visible() then
    return false
  end
  local part = pattern and rest_of(shown):match(pattern)
  if part and part ~= "" and part ~= rest_of(shown) then
    insert(part)
  else
    accept_all()
  end
  return true
end

function M.dismiss()
  cancel()
  clear()
end

local function changed()
  if shown then
    draw()
  end
  M.request(AUTOMATIC)
end

function M.setup(keys, group)
  vim.api.nvim_set_hl(0, "RedraftGhost", { link = "Comment", default = true })
  local on = function(events, callback)
    vim.api.nvim_create_autocmd(events, { group = group, callback = callback })
  end
  on({ "TextChangedI", "InsertEnter" }, changed)
  on("CursorMovedI", function()
    if shown then
      draw()
    end
  end)
  on("LspAttach", function()
    if vim.fn.mode():sub(1, 1) == "i" then
      changed()
    end
  end)
  on({ "InsertLeave", "BufLeave" }, M.dismiss)

  local map = function(key, what, pattern)
    if key then
      vim.keymap.set("i", key, function()
        if not M.visible() then
          return key
        end
        vim.schedule(function()
          M.accept(pattern)
        end)
        return ""
      end, { expr = true, desc = "redraft: " .. what })
    end
  end
  map(keys.accept, "accept ghost text")
  map(keys.accept_word, "accept its next word", "^%s*[^%s%w_]*[%w_]*")
  map(keys.accept_line, "accept its next line", "^\n?[^\n]*")
  if keys.invoke then
    vim.keymap.set("i", keys.invoke, function()
      M.request(INVOKED)
    end, { desc = "redraft: ask for ghost text" })
  end
  if keys.dismiss then
    vim.keymap.set("i", keys.dismiss, M.dismiss, { desc = "redraft: dismiss ghost text" })
  end
end

return M
