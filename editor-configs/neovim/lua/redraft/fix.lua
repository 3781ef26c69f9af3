-- Code actions for everything that is wrong on the cursor's line. Neovim's own vim.lsp.buf.code_action() tells a server
-- only of the diagnostics that this server found itself; redraft finds none and repairs what the others found.

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

return function(given)
  local row = vim.api.nvim_win_get_cursor(0)[1] - 1
  local found = vim.tbl_map(as_lsp, vim.diagnostic.get(0, { lnum = row }))
  vim.lsp.buf.code_action(vim.tbl_deep_extend("force", {
    context = { only = { "quickfix" }, diagnostics = found },
    range = { start = { row + 1, 0 }, ["end"] = { row + 1, math.max(0, #vim.api.nvim_get_current_line() - 1) } },
    filter = function(action)
      return vim.startswith(action.title, "redraft:")
    end,
  }, given or {}))
end
