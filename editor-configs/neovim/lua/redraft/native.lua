-- Ghost text drawn by Neovim 0.12 (vim.lsp.inline_completion), which asks 200 ms after the last key.
--
-- The editor draws an answer even if something else was typed meanwhile, keeps showing it, moved along, whatever is typed
-- then, and what it inserts is the whole text at the place that was asked for, although some of it may have been typed
-- since. So this module takes away what no longer fits, and inserts what is left of the text.

local clients = require("redraft.client")
local menu = require("redraft.menu")
local parts = require("redraft.parts")

local M = {}

local METHOD = "textDocument/inlineCompletion"
local namespace = vim.api.nvim_create_namespace("nvim.lsp.inline_completion")
local asked -- what stands for the last request; nil when its answer is no longer wanted
local right = 0 -- bytes right of the cursor where the last answer was asked for

local function completor()
  return clients.completors()[vim.api.nvim_get_current_buf()]
end

-- What the editor shows, or would show where it is taken away.
local function current()
  local item = completor() and completor().current
  -- Other servers may send snippets, or no range. How to take those is theirs.
  return item and item.range and type(item.insert_text) == "string" and item or nil
end

-- What is left of an item at the cursor; nil when the user has typed something else, or all of it.
local function rest_of(item)
  local row, from = item.range:to_extmark()
  local at, column = unpack(vim.api.nvim_win_get_cursor(0))
  local line = vim.api.nvim_get_current_line()
  item.before = item.before or line:sub(1, from) -- two keys may come before anybody is told of the first
  if at - 1 ~= row or column < from or line:sub(1, from) ~= item.before then
    return nil
  end
  local typed = line:sub(from + 1, column)
  if not vim.startswith(item.insert_text, typed) or typed == item.insert_text then
    return nil
  end
  return item.insert_text:sub(#typed + 1)
end

-- Whether nothing may be shown. A macro would record the key, not what it takes; with 'paste' no key takes it.
local function covered()
  return menu.open() or vim.fn.reg_recording() ~= "" or vim.o.paste
end

local function erase()
  vim.api.nvim_buf_clear_namespace(0, namespace, 0, -1)
end

-- Take away what may not be shown. What no longer fits is gone: it could fit again by chance, behind other text.
local function hide()
  local item = current()
  if item and not rest_of(item) then
    completor().current = nil
    erase()
  elseif covered() then
    erase()
  end
end

-- After a key.
local function typed()
  hide()
  if covered() then
    vim.schedule(hide) -- the editor's own autocommand comes after this one and draws it again
  end
end

-- Called when the editor asks; returns what is to be called with the answer in place of `answer`, which draws it.
function M.asking(answer)
  local line, column = vim.api.nvim_get_current_line(), vim.api.nvim_win_get_cursor(0)[2]
  local mine, before, behind = {}, line:sub(1, column), #line - column
  asked = mine
  return function(problem, ...)
    if asked ~= mine or not vim.startswith(vim.api.nvim_get_current_line(), before) then
      return -- dismissed, asked again, or of another text, while this answer was on its way already
    end
    right = problem and right or behind
    answer(problem, ...)
    hide()
  end
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

-- Have the editor's ghost text act as if this had happened.
local function pretend(event)
  local buffer = vim.api.nvim_get_current_buf()
  local its = { group = "nvim.lsp.inline_completion:" .. buffer, buffer = buffer, modeline = false }
  pcall(vim.api.nvim_exec_autocmds, event, its)
end

-- What is shown goes, and so does the request under way.
local function leave()
  asked = nil
  pretend("InsertLeave")
end

-- What of the proposal is left at the cursor; nil where none is shown.
local function rest()
  local item = current()
  return item and not covered() and rest_of(item) or nil
end

function M.take(part)
  return rest() and parts.keys("native", part) or nil
end

function M.accept(part)
  local item = current()
  local left = item and rest_of(item)
  if not left then
    return
  end
  local _, from, _, to = item.range:to_extmark()
  local taken, replaced = parts.of(left, part), parts.over(left, right - (to - from))
  if taken == left then
    leave()
  end
  parts.insert(taken, left:sub(#taken + 1), replaced, function()
    if taken == left then
      parts.report(vim.lsp.get_client_by_id(item.client_id), item.command, 0)
    end
  end)
end

function M.choose(step)
  vim.lsp.inline_completion.select({ count = step })
end

-- The editor has no call for it, but asks when the cursor moves.
function M.invoke()
  if vim.fn.mode():sub(1, 1) == "i" then
    pretend("CursorMovedI")
  end
end

function M.dismiss()
  local something = rest() ~= nil
  leave()
  return something
end

M.refresh = M.invoke

function M.setup(group)
  clients.drawn_by_editor(true, group)
  vim.api.nvim_create_autocmd({ "TextChangedI", "TextChangedP", "CursorMovedI" }, { group = group, callback = typed })
  -- Without InsertLeave: by <C-c>, by <Insert>, which begins to replace, and by a click into another window.
  vim.api.nvim_create_autocmd("ModeChanged", { group = group, pattern = { "i*:n", "i*:R*" }, callback = leave })
  vim.api.nvim_create_autocmd("BufLeave", { group = group, callback = leave })
  menu.follow(group, erase, M.refresh)
end

return M
