{
  'variables': { 'sanitize%': 'false' },
  'targets': [
    {
      'target_name': 'linux_napi',
      'sources': [
        'native/alias.cc',
        'native/descriptor_set.cc',
        'native/explanation.cc',
        'native/external_buffer.cc',
        'native/fault_handler.cc',
        'native/fault_table.cc',
        'native/files.cc',
        'native/mapping.cc',
        'native/memory.cc',
        'native/message_entries.cc',
        'native/module.cc',
        'native/pipe.cc',
        'native/poll_handle.cc',
        'native/sockets.cc',
        'native/thread_call.cc',
        'native/waiting.cc',
        'native/watcher.cc',
      ],
      # For an older C library; it has been part of libc itself since 2.34.
      'libraries': ['-ldl'],
      'defines': ['NAPI_VERSION=8', 'NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS', '_GNU_SOURCE'],
      'cflags!': ['-O3', '-fno-omit-frame-pointer'],
      'cflags_cc!': ['-O3', '-std=gnu++17', '-std=gnu++20'],
      'cflags_cc': [
        '-std=c++20',
        '-O2',
        '-fno-exceptions',
        '-fvisibility=hidden',
        '-Wall',
        '-Wextra',
        '-Wpedantic',
        '-Wshadow',
        '-Wconversion',
        '-Werror',
        # Other people's header, so none of the warnings above.
        '-isystem<!(node -p "require(\'path\').resolve(require(\'node-addon-api\').include_dir)")',
      ],
      'conditions': [
        [
          'sanitize=="true"',
          {
            'cflags_cc': [
              '-g',
              '-fno-omit-frame-pointer',
              '-fsanitize=address,undefined',
              '-fno-sanitize=vptr',
              '-fno-sanitize-recover=all',
            ],
            'ldflags': ['-fsanitize=address,undefined'],
          },
        ],
      ],
    },
  ],
}
