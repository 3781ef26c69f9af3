-- redraft for Neovim: starts the language server and shows its ghost text.
--
--   vim.opt.runtimepath:append("/path/to/redraft/editor-configs/neovim")
--   require("redraft").setup()
--
-- Neovim 0.12 draws inline completions itself; ghost.lua does it for 0.10 and 0.11. Everything else (debounce, caching,
-- when to stay silent) is the server's, so that all editors behave alike. :RedraftFix repairs the cursor's line.

local M = {}

-- What the server last said of itself, for status lines: state is loading, ready, slow, off or error.
M.status = { state = "loading", message = "" }

local defaults = {
  cmd = { "redraft", "lsp" },
  filetypes = "*", -- a FileType pattern, or a list of them
  root_markers = { ".git", "pyproject.toml", "package.json", "Cargo.toml", "go.mod" },
  settings = {}, -- section `redraft`, see the table in the README
  keys = { accept = "<Tab>", accept_word = "<M-Right>", accept_line = "<M-Down>", invoke = "<M-\\>", dismiss = "<C-]>" },
}

local function capabilities()
  local all = vim.lsp.protocol.make_client_capabilities()
  all.textDocument.inlineCompletion = all.textDocument.inlineCompletion or { dynamicRegistration = false }
  return all
end

function M.on_status(_, status)
  M.status = status
  -- What was typed while the model was loading has no answer yet.
  if status.state == "ready" and not vim.lsp.inline_completion and vim.fn.mode():sub(1, 1) == "i" then
    require("redraft.ghost").request()
  end
end

local function start(options, buffer)
  if vim.bo[buffer].buftype ~= "" then
    return
  end
  vim.lsp.start({
    name = "redraft",
    cmd = options.cmd,
    root_dir = vim.fs.root(buffer, options.root_markers),
    capabilities = capabilities(),
    handlers = { ["redraft/status"] = M.on_status },
    settings = { redraft = options.settings },
    init_options = { redraft = options.settings },
  }, { bufnr = buffer })
end

-- 0.12: the editor's own inline completion. Its Tab falls through to a plain Tab when nothing is shown.
local function native(keys)
  vim.lsp.inline_completion.enable(true)
  vim.keymap.set("i", keys.accept, function()
    if not vim.lsp.inline_completion.get() then
      return keys.accept
    end
  end, { expr = true, desc = "redraft: accept ghost text" })
end

-- LSP form of a diagnostic, whoever found it: as its own server sent it, or with columns counted as redraft does.
local function as_lsp(diagnostic, client)
  local sent = (diagnostic.user_data or {}).lsp
  if sent and sent.range then
    return sent
  end
  local function position(row, column)
    local line = vim.api.nvim_buf_get_lines(diagnostic.bufnr, row, row + 1, false)[1] or ""
    column = math.min(column, #line)
    local encoding = client.offset_encoding
    local character = column
    if encoding ~= "utf-8" then
      local wide, narrow = vim.str_utfindex(line:sub(1, column))
      character = encoding == "utf-16" and narrow or wide
    end
    return { line = row, character = character }
  end
  return {
    range = {
      start = position(diagnostic.lnum, diagnostic.col),
      ["end"] = position(diagnostic.end_lnum or diagnostic.lnum, diagnostic.end_col or diagnostic.col),
    },
    severity = diagnostic.severity,
    message = diagnostic.message,
    source = diagnostic.source,
    code = diagnostic.code,
  }
end

-- Code actions for everything that is wrong on the cursor's line. Neovim's own vim.lsp.buf.code_action() tells a server
-- only of the diagnostics that this server found itself; redraft finds none and repairs what the others found.
function M.fix(given)
  local client = vim.lsp.get_clients({ bufnr = 0, name = "redraft" })[1]
  if not client then
    return vim.notify("redraft is not running for this file", vim.log.levels.WARN)
  end
  local row = vim.api.nvim_win_get_cursor(0)[1] - 1
  local found = vim.tbl_map(function(diagnostic)
    return as_lsp(diagnostic, client)
  end, vim.diagnostic.get(0, { lnum = row }))
  vim.lsp.buf.code_action(vim.tbl_deep_extend("force", {
    context = { only = { "quickfix" }, diagnostics = found },
    range = { start = { row + 1, 0 }, ["end"] = { row + 1, math.max(0, #vim.api.nvim_get_current_line() - 1) } },
    filter = function(action)
      return vim.startswith(action.title, "redraft:")
    end,
  }, given or {}))
end

function M.setup(given)
  local options = vim.tbl_deep_extend("force", defaults, given or {})
  local group = vim.api.nvim_create_augroup("redraft", {})
  vim.api.nvim_create_autocmd("FileType", {
    group = group,
    pattern = options.filetypes,
    callback = function(event)
      start(options, event.buf)
    end,
  })
  vim.api.nvim_create_user_command("RedraftFix", function()
    M.fix()
  end, { desc = "redraft: repair what is wrong on this line" })
  if vim.lsp.inline_completion then
    native(options.keys)
  else
    require("redraft.ghost").setup(options.keys, group)
  end
end

return M
