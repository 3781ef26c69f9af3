-- Ghost text drawn by Neovim 0.12 (vim.lsp.inline_completion), which asks 200 ms after the last key.
--
-- The editor keeps showing an answer, moved along, when something else is typed, and what it inserts is the whole text at
-- the place that was asked for, although some of it may have been typed since. So this module takes away what no longer
-- fits, and inserts what is left of the text.

local clients = require("redraft.client")
local menu = require("redraft.menu")
local parts = require("redraft.parts")

local M = {}

local METHOD = "textDocument/inlineCompletion"
local namespace = vim.api.nvim_create_namespace("nvim.lsp.inline_completion")
local seen -- { row, column, text }: the first line of what is on the screen, and where it begins
local right = 0 -- bytes right of the cursor when the answer came
local stale = false -- something else was typed; nothing fits until the next answer
local cancelled -- the id of the last request that was

local function look()
  local mark = vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { details = true, limit = 1 })[1]
  if not mark then
    return nil
  end
  local text = mark[4].virt_text and mark[4].virt_text[1] and mark[4].virt_text[1][1] or ""
  local row, column = mark[2], mark[3]
  local line, cursor = unpack(vim.api.nvim_win_get_cursor(0))
  if row == line - 1 and column > cursor then
    -- The editor leaves out what stands right of the cursor already, a closed bracket.
    column, text = cursor, vim.api.nvim_get_current_line():sub(cursor + 1, column) .. text
  end
  return { row = row, column = column, text = text }
end

local function erase()
  vim.api.nvim_buf_clear_namespace(0, namespace, 0, -1)
end

-- True where nothing may be shown.
local function hide()
  if stale or menu.open() or vim.fn.reg_recording() ~= "" then -- a macro would record the key, not what it takes
    erase()
    return true
  end
end

-- Whether what was typed is the beginning of what was shown.
local function fits()
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  local new = vim.api.nvim_get_current_line():sub(seen.column + 1, column)
  return not stale and row - 1 == seen.row and column >= seen.column and vim.startswith(seen.text, new)
end

-- After a key.
local function typed()
  local now = look()
  if seen and now then
    stale = not fits()
  end
  if hide() then
    return vim.schedule(hide) -- the editor's own autocommand comes after this one and draws it again
  end
  seen = now
end

local function answered()
  hide()
  seen = look()
  right = #vim.api.nvim_get_current_line() - vim.api.nvim_win_get_cursor(0)[2]
end

function M.thinking()
  local client = clients.of()
  for _, request in pairs(client and client.requests or {}) do
    if request.method == METHOD and request.type == "pending" then
      return true
    end
  end
  return false
end

-- What of an item goes into the text at the cursor, unless something else was typed.
local function insert(item, part)
  local row, from, _, to = item.range:to_extmark()
  local line, column = unpack(vim.api.nvim_win_get_cursor(0))
  local before = vim.api.nvim_get_current_line():sub(from + 1, column)
  if line - 1 ~= row or column < from or not vim.startswith(item.insert_text, before) then
    return
  end
  local rest = item.insert_text:sub(#before + 1)
  local taken = parts.of(rest, part)
  parts.insert(taken, rest:sub(#taken + 1), parts.over(rest, right - (to - from)), function()
    if taken == rest then
      parts.report(vim.lsp.get_client_by_id(item.client_id), item.command, 0)
    end
  end)
end

function M.take(part)
  return look() and (not seen or fits()) and parts.keys("native", part) or nil
end

-- The editor hands the item over a moment later; keys that came with this one have to wait for that.
function M.accept(part)
  local over = false
  vim.lsp.inline_completion.get({
    on_accept = function(item)
      insert(item, part)
    end,
  })
  vim.schedule(function()
    over = true
  end)
  vim.wait(1000, function()
    return over
  end)
end

function M.choose(step)
  vim.lsp.inline_completion.select({ count = step })
end

-- Have the editor's ghost text act as if this had happened.
local function pretend(event)
  local buffer = vim.api.nvim_get_current_buf()
  local its = { group = "nvim.lsp.inline_completion:" .. buffer, buffer = buffer, modeline = false }
  pcall(vim.api.nvim_exec_autocmds, event, its)
end

-- What is shown goes, and so does the request under way.
local function leave()
  pretend("InsertLeave")
end

-- The editor has no call for it, but asks when the cursor moves.
function M.invoke()
  if vim.fn.mode():sub(1, 1) == "i" then
    pretend("CursorMovedI")
  end
end

function M.dismiss()
  local something = look() ~= nil
  leave()
  stale = true
  return something
end

M.refresh = M.invoke

function M.setup(group)
  clients.drawn_by_editor(true, group)
  vim.api.nvim_create_autocmd({ "TextChangedI", "TextChangedP", "CursorMovedI" }, { group = group, callback = typed })
  -- Without InsertLeave: by <C-c>, by <Insert>, which begins to replace, and by a click into another window.
  vim.api.nvim_create_autocmd("ModeChanged", { group = group, pattern = { "i*:n", "i*:R*" }, callback = leave })
  vim.api.nvim_create_autocmd("BufLeave", { group = group, callback = leave })
  vim.api.nvim_create_autocmd("InsertEnter", {
    group = group,
    callback = function()
      seen, stale = nil, false
    end,
  })
  vim.api.nvim_create_autocmd("LspRequest", {
    group = group,
    callback = function(event)
      local request, id = event.data.request, event.data.request_id
      if request.method == METHOD and request.type == "cancel" then
        cancelled = id
      elseif request.method == METHOD and request.type == "complete" then
        seen, stale = nil, id == cancelled -- it was on its way already, and the editor draws it all the same
        vim.schedule(answered) -- the answer is drawn after this event
      end
    end,
  })
  menu.follow(group, erase, M.refresh)
end

return M
