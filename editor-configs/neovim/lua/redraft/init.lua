-- redraft for Neovim: starts the language server and shows its ghost text.
--
--   vim.opt.runtimepath:append("/path/to/redraft/editor-configs/neovim")
--   require("redraft").setup()
--
-- Neovim 0.12 draws inline completions itself; ghost.lua does it for 0.10 and 0.11. Everything else (debounce, caching,
-- when to stay silent) is the server's, so that all editors behave alike. Quick fixes come by vim.lsp.buf.code_action().

local M = {}

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

local function start(options, buffer)
  if vim.bo[buffer].buftype ~= "" then
    return
  end
  vim.lsp.start({
    name = "redraft",
    cmd = options.cmd,
    root_dir = vim.fs.root(buffer, options.root_markers),
    capabilities = capabilities(),
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
  if vim.lsp.inline_completion then
    native(options.keys)
  else
    require("redraft.ghost").setup(options.keys, group)
  end
end

return M
