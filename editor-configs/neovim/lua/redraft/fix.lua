-- Code actions for everything that is wrong on the cursor's line, or in a range of lines. Neovim's own
-- vim.lsp.buf.code_action() tells a server only of the diagnostics that this server found itself; redraft finds none and
-- repairs what the others found.

-- LSP form of a diagnostic, whoever found it, with columns counted as redraft does: its own server may count otherwise.
local function as_lsp(diagnostic)
  local function position(row, column)
    local line = vim.api.nvim_buf_get_lines(diagnostic.bufnr, row, row + 1, false)[1] or ""
    local _, character = vim.str_utfindex(line:sub(1, column))
    return { line = row, character = character }
  end
  return vim.tbl_extend("keep", {
    range = {
      start = position(diagnostic.lnum, diagnostic.col),
      ["end"] = position(diagnostic.end_lnum or diagnostic.lnum, diagnostic.end_col or diagnostic.col),
    },
    severity = diagnostic.severity,
    message = diagnostic.message,
    source = diagnostic.source,
    code = diagnostic.code,
  }, (diagnostic.user_data or {}).lsp or {})
end

-- As `fix` of init.lua says.
return function(given, lines)
  local cursor = vim.api.nvim_win_get_cursor(0)[1]
  local first, last = unpack(lines or { cursor, cursor })
  local text = vim.api.nvim_buf_get_lines(0, last - 1, last, false)[1] or ""
  local found = vim.tbl_filter(function(one)
    return one.lnum < last and first <= (one.end_lnum or one.lnum) + 1
  end, vim.diagnostic.get(0))
  vim.lsp.buf.code_action(vim.tbl_deep_extend("force", {
    context = {
      only = lines and { "quickfix", "refactor.rewrite" } or { "quickfix" },
      diagnostics = vim.tbl_map(as_lsp, found),
    },
    range = { start = { first, 0 }, ["end"] = { last, math.max(0, #text - 1) } },
    filter = function(action)
      return vim.startswith(action.title, "redraft:")
    end,
  }, given or {}))
end
