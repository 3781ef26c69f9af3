-- The language server's life in this editor: start, crash and start again, settings, what it says of itself.

local M = {}

-- What the server last said of itself: loading, ready, slow, off, error; ours is stopped.
M.status = { state = "stopped", message = "" }

local STEADY_MS, TRIES = 60000, 5 -- a server that lives this long has recovered; so many crashes in a row are enough

-- The server refuses files of more characters, and to send it one takes the editor seconds.
local MOST_BYTES = 4000000

local options, group, drawer
local crashes, started = 0, 0
local restarting = false -- a stop that was asked for
local last -- the id of the client that was started last
local told = {} -- by buffer: what the server knows it by

-- Client functions became methods in 0.11, and what counts characters became public.
local modern = vim.fn.has("nvim-0.11") == 1
function M.call(client, name, ...)
  if modern then
    return client[name](client, ...)
  end
  return client[name](...)
end

function M.byte_of(line, character, encoding)
  if modern then
    return vim.str_byteindex(line, encoding, character, false)
  end
  return vim.lsp.util._str_byteindex_enc(line, character, encoding)
end

-- The client of a buffer, by default the current one; nil when redraft is not running for it.
function M.of(buffer)
  return vim.lsp.get_clients({ bufnr = buffer or 0, name = "redraft" })[1]
end

-- The client of our server, also before the server has answered `initialize`: vim.lsp.get_clients() leaves it out then.
local function server()
  return last and vim.lsp.get_client_by_id(last)
end

local function say(state, message)
  M.status = { state = state, message = message or "" }
  vim.cmd.redrawstatus({ bang = true })
end

local function capabilities()
  local all = vim.lsp.protocol.make_client_capabilities()
  all.general.positionEncodings = { "utf-16" } -- what all servers know: several in one buffer must count alike
  all.textDocument.inlineCompletion = all.textDocument.inlineCompletion or { dynamicRegistration = false }
  return all
end

local handlers = {
  ["redraft/status"] = function(_, status)
    local was = M.status.state
    say(status.state, status.message)
    if status.state == "ready" and was ~= "ready" then
      drawer.refresh()
    end
  end,
}

local function attach_all()
  vim.cmd("silent! doautoall <nomodeline> redraft FileType")
end

local function on_exit(code, signal)
  vim.schedule(function()
    if vim.v.exiting ~= vim.NIL then
      return
    end
    if restarting then
      restarting = false
      return attach_all()
    end
    if code == 0 and (signal == 0 or signal == 15) then
      return say("stopped") -- someone stopped it, :LspStop for example
    end
    crashes = vim.uv.now() - started > STEADY_MS and 1 or crashes + 1
    if crashes >= TRIES then
      say("error", "stopped too often")
      return vim.notify(
        ("redraft stopped %d times in a row; :checkhealth redraft looks for the cause, :Redraft restart tries again."):format(
          crashes
        ),
        vim.log.levels.ERROR
      )
    end
    say("loading", "stopped, starting again")
    vim.defer_fn(attach_all, 250 * 2 ^ (crashes - 1))
  end)
end

local function root_of(buffer)
  return vim.fs.root(buffer, options.root_markers)
end

local function known_by(buffer)
  return { uri = vim.uri_from_bufnr(buffer), language = vim.bo[buffer].filetype }
end

-- A file is told of once, when it is opened: by another name or of another type it is another file. Neovim itself sees a
-- new name when it is written, and not even then where it is the first one.
local function tell_anew(buffer, retyped)
  local client, was = M.of(buffer), told[buffer]
  if client and was and not vim.deep_equal(was, known_by(buffer)) then
    vim.lsp.buf_detach_client(buffer, client.id) -- closes it by its new name
    M.call(client, "notify", "textDocument/didClose", { textDocument = { uri = was.uri } })
    if not retyped then -- else start() does it, for the types that are ours
      vim.lsp.buf_attach_client(buffer, client.id)
    end
  end
end

-- One server, and one model in memory, for all projects: it hears of each folder when the first file of it is opened.
local function join(client, buffer)
  told[buffer] = known_by(buffer)
  local root = root_of(buffer)
  local known = client.workspace_folders or {}
  for _, folder in ipairs(known) do
    root = folder.name ~= root and root or nil
  end
  if root then
    local folder = { uri = vim.uri_from_fname(root), name = root }
    client.workspace_folders = vim.list_extend(known, { folder })
    M.call(client, "notify", "workspace/didChangeWorkspaceFolders", { event = { added = { folder }, removed = {} } })
  end
end

local function too_large(buffer)
  return vim.api.nvim_buf_get_offset(buffer, vim.api.nvim_buf_line_count(buffer)) > MOST_BYTES
end

local function nameless(buffer)
  return vim.api.nvim_buf_is_valid(buffer) and vim.api.nvim_buf_get_name(buffer) == ""
end

-- Files without a name have one address between them: the server knows the one that was entered last.
local function take_turn(buffer)
  local client = nameless(buffer) and server()
  for other in pairs(client and client.attached_buffers or {}) do
    if other ~= buffer and nameless(other) then
      vim.lsp.buf_detach_client(other, client.id)
    end
  end
end

-- Ghost text is asked for with what the buffer is indented by, whoever asks, this plugin or the editor: in a file that has
-- no block yet nothing else says it. LSP has these options for formatting only. Who draws may see the answer first.
local function accompany(client)
  local request = client.rpc.request
  client.rpc.request = function(method, params, answer, ...)
    if method == "textDocument/inlineCompletion" then
      local its = vim.bo -- it is asked about the current buffer
      local width = its.shiftwidth > 0 and its.shiftwidth or its.tabstop
      params.formattingOptions = { tabSize = width, insertSpaces = its.expandtab or width < its.tabstop }
      answer = drawer.asking and drawer.asking(answer) or answer
    end
    return request(method, params, answer, ...)
  end
end

local function reused(client, config)
  return client.name == config.name and not M.call(client, "is_stopped")
end

-- A server that never answers and, unlike ours, never ends. Neovim follows a buffer's changes until there is one while
-- no client has the buffer, and then never again, whatever is attached later.
local function silence(dispatchers)
  local closing = false
  return {
    request = function()
      return true, 1
    end,
    notify = function()
      return true
    end,
    is_closing = function()
      return closing
    end,
    terminate = function()
      closing = true
      dispatchers.on_exit(0, 0)
    end,
  }
end

local function start(buffer)
  local its = vim.bo[buffer]
  if crashes >= TRIES or its.buftype ~= "" or its.filetype == "" then
    return
  end
  if not vim.api.nvim_buf_is_loaded(buffer) or too_large(buffer) then
    return
  end
  take_turn(buffer)
  vim.lsp.start({ name = "redraft.silence", cmd = silence }, { bufnr = buffer, reuse_client = reused })
  local id = vim.lsp.start({
    name = "redraft",
    cmd = options.cmd,
    root_dir = root_of(buffer),
    capabilities = capabilities(),
    handlers = handlers,
    settings = { redraft = options.settings },
    init_options = { redraft = options.settings },
    on_init = function(client)
      last = client.id -- also where others started it again, as :lsp restart does
      accompany(client)
    end,
    on_attach = join,
    on_exit = on_exit,
  }, {
    bufnr = buffer,
    silent = true,
    reuse_client = reused,
  })
  if id and id ~= last then
    last, started = id, vim.uv.now()
    say("loading")
  elseif not id and M.status.state ~= "error" then
    say("error", "cannot be started")
    local text = "redraft: %q cannot be started; install it (pip install . in its folder) or name it with setup({ cmd = … })."
    -- Later: an error within an autocommand is shown with a traceback.
    vim.schedule_wrap(vim.notify)(text:format(options.cmd[1]), vim.log.levels.ERROR)
  end
end

-- By buffer what Neovim (0.12) draws ghost text with, whose `current` is shown; nil where it draws none. No public call
-- says what is shown without taking it.
function M.completors()
  return vim.lsp.inline_completion and vim.tbl_get(vim.lsp, "_capability", "all", "inline_completion", "active")
end

-- Neovim forgets a client that it no longer draws for, or that ends, only where the whole buffer is enabled.
local function forget(client, buffer)
  local completor = M.completors()[buffer]
  if completor and completor.client_state[client.id] then
    completor:on_detach(client.id)
    if not next(completor.client_state) then
      completor:destroy()
    end
  end
end

-- Whether Neovim (0.12) draws our ghost text itself. Of other servers that is the user's to say: Copilot sends what is
-- typed away. So neither a buffer nor the whole editor is enabled, but our client by itself.
function M.drawn_by_editor(on, augroup)
  if not M.completors() then
    return
  end
  local function tell(client, buffer)
    vim.lsp.inline_completion.enable(on, { client_id = client.id, bufnr = buffer })
    if not on then
      forget(client, buffer) -- an earlier setup() may have had the editor draw
    end
  end
  local function follow(event, act)
    vim.api.nvim_create_autocmd(event, {
      group = augroup,
      callback = function(given)
        local client = vim.lsp.get_client_by_id(given.data.client_id)
        if client and client.name == "redraft" then
          act(client, given.buf)
        end
      end,
    })
  end
  follow("LspAttach", vim.schedule_wrap(tell)) -- later, it is not attached yet
  follow("LspDetach", forget)
  for _, client in ipairs(vim.lsp.get_clients({ name = "redraft" })) do
    for buffer in pairs(client.attached_buffers) do
      tell(client, buffer)
    end
  end
end

-- `given`: the options of setup(). `who`: ghost.lua or native.lua; it asks anew when the model can answer from now on.
function M.setup(given, augroup, who)
  options, group, drawer = given, augroup, who
  -- BufNew: what `:write` says where it gives a buffer its first name.
  vim.api.nvim_create_autocmd({ "FileType", "BufFilePost", "BufNew" }, {
    group = group,
    callback = function(event)
      tell_anew(event.buf, event.event == "FileType")
    end,
  })
  vim.api.nvim_create_autocmd("FileType", {
    group = group,
    pattern = options.filetypes,
    callback = function(event)
      start(event.buf)
    end,
  })
  vim.api.nvim_create_autocmd("BufEnter", {
    group = group,
    callback = function(event)
      if server() and nameless(event.buf) and not M.of(event.buf) then -- its turn; no reason to start what was stopped
        vim.cmd("silent! doautocmd <nomodeline> redraft FileType")
      end
    end,
  })
  M.configure({}) -- a server that runs since an earlier setup()
  attach_all() -- files that were open before
end

function M.restart()
  crashes = 0
  local client = server()
  restarting = client ~= nil
  if client then
    return M.call(client, "stop", true)
  end
  M.status = { state = "stopped", message = "" }
  attach_all()
end

-- Settings by the names of the README's table, nested; live, without a restart.
function M.configure(settings)
  options.settings = vim.tbl_deep_extend("force", options.settings, settings)
  local client = server()
  if not client then
    return
  end
  client.settings = { redraft = options.settings }
  client.config.settings = client.settings -- for who starts it again
  if client.initialized then -- otherwise the editor sends them when it is
    M.call(client, "notify", "workspace/didChangeConfiguration", { settings = client.settings })
  end
end

function M.settings()
  return options.settings
end

return M
